package iterate

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"myriad/tcpclient"
)

const typeA = dnsmessage.TypeA

// transmit sends the task's request; false when the worker has no room.
func (e *Engine) transmit(t *task) bool {
	switch {
	case t.root.requests >= e.cfg.QueriesPerName:
		e.giveUp(t, TooMany)
		return true
	case e.cfg.Deadline > 0 && e.net.Now()-t.root.started >= e.cfg.Deadline:
		e.giveUp(t, Deadline)
		return true
	}
	t.id, t.edns = uint16(e.random.Uint64()), !t.server.plain
	var err error
	e.buffer, err = appendQuery(e.buffer[:0], Question{t.current, t.question.Type}, t.id, t.edns, e.random, &t.sent)
	if err != nil {
		e.giveUp(t, NotSupported)
		return true
	}
	if t.stream {
		err = e.openStream(t)
	} else {
		err = e.sendQuery(t)
	}
	if errors.Is(err, tcpclient.ErrFull) {
		return false
	}
	e.asked(t)
	if err != nil {
		e.failed(t, Unreachable)
	}
	return true
}

// giveUp ends a task whose turn it is without a request.
func (e *Engine) giveUp(t *task, why Failure) {
	t.why = why
	e.leave(t)
	e.release(t)
	e.fail(t)
}

// asked accounts for a request.
func (e *Engine) asked(t *task) {
	e.counts.Requests++
	t.server.Queries++
	e.counts.PeakRate = max(e.counts.PeakRate, t.server.left(e.net.Now(), e.apart))
	e.counts.PeakInFlight = max(e.counts.PeakInFlight, t.server.inFlight)
	t.root.requests++
	if len(t.root.senders) < sendersMax {
		t.root.senders = append(t.root.senders, t.server.Addr)
	}
	if t.stream {
		e.counts.Streams++
		t.root.usedTCP = true
	}
}

func (e *Engine) sendQuery(t *task) error {
	round := uint(t.total-1) / uint(max(len(t.zone.servers), 1))
	e.query[0] = tcpclient.Query{
		Remote: netip.AddrPortFrom(t.server.Addr, e.cfg.Port), User: t.user(), Data: e.buffer,
		Timeout: min(e.cfg.Timeout<<min(round, 4), time.Hour),
	}
	e.net.Query(e.query[:], e.opened[:])
	return e.opened[0].Err
}

// streamRounds is how much longer an exchange over TCP may take.
const streamRounds = 4

func (e *Engine) openStream(t *task) error {
	e.opens[0] = tcpclient.Open{
		Remote: netip.AddrPortFrom(t.server.Addr, e.cfg.Port), User: t.user(), Timeout: streamRounds * e.cfg.Timeout,
	}
	e.net.Open(e.opens[:], e.opened[:])
	t.conn, t.received = e.opened[0].Conn, t.received[:0]
	return e.opened[0].Err
}

// Handle takes what happened.
func (e *Engine) Handle(events []tcpclient.Event) {
	for k := range events {
		ev := &events[k]
		index := uint32(ev.User >> 32)
		if e.ended || int(index) >= len(e.tasks) {
			continue
		}
		t := e.tasks[index]
		if !t.live || t.attempt != uint32(ev.User) || t.server == nil {
			continue // what is left of a connection that we have ended
		}
		e.event(t, ev)
	}
	e.cfg.Turn()
}

func (e *Engine) event(t *task, ev *tcpclient.Event) {
	switch ev.Kind {
	case tcpclient.Reply:
		t.server.replied(ev.Elapsed)
		if e.cfg.Latency != nil {
			e.cfg.Latency.Observe(ev.Elapsed)
		}
		e.message(t, ev.Data)
	case tcpclient.Connected:
		e.sendStream(t)
	case tcpclient.Data:
		e.receiveStream(t, ev.Data)
	case tcpclient.EndOfStream:
		e.hangUp(t)
		e.failed(t, CutShort)
	case tcpclient.Closed:
		e.failed(t, CutShort)
	case tcpclient.Failed:
		e.broken(t, ev.Reason)
	}
}

// broken is the end of an exchange without a reply.
func (e *Engine) broken(t *task, why tcpclient.Reason) {
	switch why {
	case tcpclient.DeviceGone, tcpclient.Shutdown:
		e.ended = true // it is not the name's fault
	case tcpclient.Refused:
		t.server.silent()
		e.failed(t, Refused)
	case tcpclient.Unreachable:
		t.server.silent()
		e.failed(t, Unreachable)
	case tcpclient.TimedOut, tcpclient.DeadlineExceeded:
		e.counts.Silent++
		t.server.silent()
		e.failed(t, TimedOut)
	default:
		e.failed(t, CutShort)
	}
}

// sendStream sends the request with its length (RFC 1035 §4.2.2).
func (e *Engine) sendStream(t *task) {
	b, err := appendQuery(append(e.buffer[:0], 0, 0), Question{t.current, t.question.Type}, t.id, t.edns, e.random, &t.sent)
	if err != nil {
		e.hangUp(t)
		e.failed(t, NotSupported)
		return
	}
	e.buffer = b
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	e.sends[0] = tcpclient.Send{Conn: t.conn, Data: b}
	e.net.Send(e.sends[:], e.sent[:])
	if e.sent[0].Err != nil || e.sent[0].Count < len(b) {
		e.hangUp(t)
		e.failed(t, CutShort)
	}
}

// receiveStream puts the message together.
func (e *Engine) receiveStream(t *task, data []byte) {
	t.received = append(t.received, data...)
	if len(t.received) < 2 {
		return
	}
	length := 2 + int(binary.BigEndian.Uint16(t.received))
	if len(t.received) < length {
		return
	}
	e.hangUp(t)
	e.message(t, t.received[2:length])
}

// hangUp ends the task's connection; its further events find no task.
func (e *Engine) hangUp(t *task) {
	e.closes[0] = tcpclient.Close{Conn: t.conn, How: tcpclient.FinDiscard}
	e.net.Close(e.closes[:], e.closed[:])
}

// failed ends a request without a usable reply: the next server's turn.
func (e *Engine) failed(t *task, why Failure) {
	t.why = why
	e.tell(t.server, string(why))
	e.leave(t)
	e.advance(t)
}

// again asks the same server once more, in another way; at most once per way,
// since a server's plain and stream are set before.
func (e *Engine) again(t *task, stream bool) {
	s := t.server
	e.leave(t)
	t.server, t.stream = s, stream
	if s.inFlight >= e.cfg.PerServer {
		// One more than the bound would be a breach of manners: wait.
		s.waiting = append(s.waiting, t)
		return
	}
	s.inFlight++
	e.enqueue(t)
}
