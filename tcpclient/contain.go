package tcpclient

import (
	"fmt"
	"runtime/debug"

	"myriad/conntable"
	"myriad/handshake"
)

// contain is deferred around whatever is done for one connection after the
// other. When an assertion fails there, or anything else panics, that is a bug
// of ours, and perhaps what a hostile peer was after: it ends the connection in
// hand, with Internal, and not the process. What belongs to no connection (a
// frame being parsed) is dropped. The caller goes on behind it.
func (w *Worker) contain() {
	cause := recover()
	if cause == nil {
		return
	}
	w.noteFailure(cause)
	if i := w.inHand; i != conntable.None && w.table.At(i).State != conntable.Free {
		w.giveUp(i)
	}
	w.inHand = conntable.None
}

// giveUp removes a connection whose state cannot be trusted, without a word to
// the peer, whose next segment is answered as a stranger's.
func (w *Worker) giveUp(i uint32) {
	e := w.table.At(i)
	if !handshake.Over(e) {
		w.counters.open--
		w.counters.failed++
		w.counters.failedBy[Internal]++
		w.event(i, Failed).Reason = Internal
	}
	w.wheel.Disarm(i)
	w.forget(i, false)
	w.table.Retire(i, w.resting, w.now)
}

// forget gives back what a connection that is being removed holds, or leaves it
// where it is when an assertion fails at that: some memory is lost then, until
// the end of the client. The failure is noted unless the connection ends by an
// earlier one.
func (w *Worker) forget(i uint32, note bool) {
	if w.table.At(i).Side == 0 {
		return // most hold nothing
	}
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		w.table.At(i).Side = 0
		if note {
			w.noteFailure(cause)
		}
	}()
	w.machine.Forget(i)
}

// noteFailure counts an assertion that failed, and keeps it for a report.
func (w *Worker) noteFailure(cause any) {
	w.counters.local[assertions]++
	w.client.noteBug(fmt.Errorf("tcpclient: worker %d: %w: %v\n%s", w.index, ErrInternal, cause, debug.Stack()))
}

// noteBug keeps the first.
func (c *Client) noteBug(err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.bug == nil {
		c.bug = err
	}
}

// Bug returns the first assertion that failed, with its stack, for a report;
// nil when none has. Each ended one connection, as Internal, and is counted in
// Stats.Counters as assertions_failed.
func (c *Client) Bug() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.bug
}
