package tcpclient

import (
	"errors"
	"fmt"

	"myriad/handshake"
)

var (
	errSendClosed = fmt.Errorf("tcpclient: send: %w", ErrClosed)
	errSendFull   = fmt.Errorf("tcpclient: send: %w: Config.BufferMemory or Config.SideRecords is used up", ErrFull)
	errSendBad    = fmt.Errorf("tcpclient: send: no such request: %w", ErrInvalid)
	errClosed     = fmt.Errorf("tcpclient: %w", ErrClosed)
)

// resolveID finds the connection that the application means.
func (w *Worker) resolveID(id ID) (uint32, bool) {
	if id.Worker() != w.index {
		return 0, false
	}
	i, ok := w.table.Resolve(id)
	if !ok || handshake.Over(w.table.At(i)) {
		return 0, false
	}
	return i, true
}

// Send queues bytes; results, of the same length, gets one element each. What
// is sent while a segment of the same connection is being handled rides on
// the ACK owed for it.
func (w *Worker) Send(sends []Send, results []Sent) {
	for k := range sends {
		n, err := w.sendOne(&sends[k])
		results[k] = Sent{n, err}
	}
}

func (w *Worker) sendOne(s *Send) (n int, err error) {
	i, ok := w.resolveID(s.Conn)
	if !ok {
		return 0, errSendClosed
	}
	w.inHand = i
	defer w.contain()
	switch {
	case s.Request == 0:
		n, err = w.machine.Write(i, s.Data, w.now)
	case !w.client.requests.Known(uint32(s.Request)):
		return 0, errSendBad
	default:
		n, err = w.machine.WriteRequest(i, uint32(s.Request), w.now)
	}
	switch {
	case errors.Is(err, handshake.ErrNoMemory):
		w.counters.local[refusedNoMemory]++
		return 0, errSendFull
	case err != nil:
		return 0, errSendClosed
	}
	w.queueOutput(i)
	return n, nil
}

// Close closes connections; errs, of the same length, gets nil or ErrClosed.
func (w *Worker) Close(closes []Close, errs []error) {
	for k := range closes {
		errs[k] = w.closeOne(closes[k].Conn, closes[k].How)
	}
}

func (w *Worker) closeOne(id ID, how CloseHow) error {
	i, ok := w.resolveID(id)
	if !ok {
		return errClosed
	}
	switch how {
	case Reset:
		w.counters.reset++
		w.counters.open--
		w.machine.Reset(i)
	case Fin, FinDiscard:
		w.finish(i, how == FinDiscard)
	default:
		return fmt.Errorf("tcpclient: close: Close.How %d is none of Reset, Fin, FinDiscard", how)
	}
	w.queueOutput(i)
	return nil
}

func (w *Worker) finish(i uint32, discard bool) {
	w.inHand = i
	defer w.contain()
	r := w.machine.Finish(i, discard, w.now)
	if r.Events&handshake.Gone != 0 {
		// It never stood, or its unread data costs it a RST: nothing more
		// happens to it.
		r.Events |= handshake.Closed
	}
	w.result(i, &r)
}

// Pause stops Data and EndOfStream events of a connection: what arrives is
// held, within the window already advertised, and the window closes.
func (w *Worker) Pause(id ID) error {
	i, ok := w.resolveID(id)
	if !ok {
		return errClosed
	}
	w.machine.Pause(i)
	return nil
}

// Resume ends Pause: what was held is delivered, and the window opens.
func (w *Worker) Resume(id ID) error {
	i, ok := w.resolveID(id)
	if !ok {
		return errClosed
	}
	w.inHand = i
	defer w.contain()
	if w.machine.Resume(i, w.now) {
		w.deliverHeld(i)
	}
	w.queueOutput(i)
	return nil
}

// SetUser replaces the connection's User word.
func (w *Worker) SetUser(id ID, user uint64) error {
	i, ok := w.resolveID(id)
	if !ok {
		return errClosed
	}
	w.table.At(i).User = user
	return nil
}
