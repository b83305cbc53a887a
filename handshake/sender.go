package handshake

import (
	"errors"
	"time"

	"myriad/conntable"
	"myriad/internal/seq"
	"myriad/linklayer"
)

// Errors of Write.
var (
	ErrNotOpen  = errors.New("handshake: write: the connection cannot send")
	ErrNoMemory = errors.New("handshake: write: buffer memory or side records are used up")
)

// segmentSize is the largest payload of one segment, options taken off (RFC
// 9293 §3.7.1).
func (m *Machine) segmentSize(c *conn) int {
	if c.e.Flags&stampsOK != 0 {
		return int(c.e.SndMSS) - 12
	}
	return int(c.e.SndMSS)
}

// canSend: the connection stands, or will, and no FIN was asked for.
func canSend(e *conntable.Entry) bool {
	switch e.State {
	case conntable.Established, conntable.CloseWait:
		return e.Flags&(finQueued|sendRST) == 0
	}
	return false
}

// Write queues a copy of data and returns how much of it was taken: what fits
// into Config.SendBuffer. After a short Write the event Writable follows.
func (m *Machine) Write(i uint32, data []byte, now time.Duration) (int, error) {
	var c conn
	m.load(&c, i, now)
	if !canSend(c.e) {
		return 0, ErrNotOpen
	}
	if !m.needSide(&c) {
		return 0, ErrNoMemory
	}
	s := &c.s.send
	take := min(len(data), max(m.cfg.SendBuffer-m.queued(&c), 0))
	if take > 0 && s.queue.WriteAt(m.chunks, s.end, data[:take]) != nil {
		return 0, ErrNoMemory
	}
	s.end = s.end.Add(take)
	if take < len(data) {
		c.e.Flags |= blocked
	}
	return take, nil
}

// WriteRequest queues an interned request without a copy where nothing else is
// queued, and with one otherwise. It takes all of it or nothing.
func (m *Machine) WriteRequest(i, id uint32, now time.Duration) (int, error) {
	var c conn
	m.load(&c, i, now)
	size := m.requests.Len(id)
	if !canSend(c.e) {
		return 0, ErrNotOpen
	}
	idle := c.e.SndUna == c.e.SndNxt && c.e.Flags&request == 0 && m.queued(&c) == 0
	if !idle {
		if size > m.cfg.SendBuffer-m.queued(&c) {
			c.e.Flags |= blocked
			return 0, nil
		}
		return m.Write(i, (*m.requests.list.Load())[id-1].data, now)
	}
	light := c.s == nil && size <= m.segmentSize(&c) && uint32(size) <= m.sendWindow(&c)
	if !light && !m.needSide(&c) {
		return 0, ErrNoMemory
	}
	x := c.extend()
	x.Request, x.RequestSeq = id, c.e.SndNxt
	if light {
		c.e.Flags |= request
		return size, nil
	}
	c.s.send.end = c.e.SndNxt.Add(size)
	c.s.send.queue.Reset(c.s.send.end)
	return size, nil
}

// payload puts the bytes [at, at+n) of the stream, or the first of them, into
// out, and returns how many.
func (m *Machine) payload(c *conn, at seq.Number, n int, out *Out) int {
	if c.x.Request != 0 {
		offset, size := at.Since(c.x.RequestSeq), m.requests.Len(c.x.Request)
		if offset >= 0 && offset < size {
			m.requests.piece(c.x.Request, offset, n, out)
			return len(out.Segment.Payload)
		}
	}
	if c.s == nil {
		return 0
	}
	first := c.s.send.queue.Peek(m.chunks, at, n)
	out.Segment.Payload = first
	if len(first) < n && len(first) > 0 {
		out.Segment.Payload2 = c.s.send.queue.Peek(m.chunks, at.Add(len(first)), n-len(first))
	}
	return len(first) + len(out.Segment.Payload2)
}

// startSender begins loss recovery and congestion control at SndUna.
func (m *Machine) startSender(c *conn) {
	s, e := &c.s.send, c.e
	s.sampled, s.resentTo, s.resent = e.SndUna, e.SndUna, e.SndUna
	s.rtoDue, s.sentAt, s.early = 0, tick(c.now), earlyTimer{}
	if synchronized(e.State) && e.SndNxt != e.SndUna {
		s.rtoDue = e.Due // of the request in flight
	}
	s.flight.reset(&m.flights, e.SndUna)
	rtt := e.Micros
	if !synchronized(e.State) || rtt == unmeasured {
		rtt = 0
	}
	s.rack.start(e.SndUna, rtt)
	s.probe = lossProbe{}
	s.recovery = recovery{high: e.SndUna}
	s.congestion.start(m.segmentSize(c))
	if e.Flags&sendAgain != 0 {
		e.Flags &^= sendAgain
		m.noteSent(c)
		m.loseAll(s, false)
	}
}

// noteSent puts what was sent for the first time, up to SndNxt, into the
// flight: also what left before there was a side record.
func (m *Machine) noteSent(c *conn) {
	s := &c.s.send
	if s.flight.last(&m.flights) == c.e.SndNxt {
		return
	}
	if s.flight.first == s.flight.next {
		s.flight.start = c.e.SndUna
	}
	if !s.flight.add(&m.flights, c.e.SndNxt, micros(c.now)) {
		m.Counters.FlightsFull++
	}
	s.sentAt = tick(c.now)
}

// noteResent takes note that segment k has left again, as a whole.
func (m *Machine) noteResent(c *conn, k uint32) {
	s := &c.s.send
	s.flight.sentAgain(&m.flights, k, micros(c.now))
	s.resentTo = s.resentTo.Max(s.flight.end(&m.flights, k))
	if s.recovery.undo.resent < 1<<16-1 {
		s.recovery.undo.resent++
	}
}

// senderACK is a side record's part of an ACK: acked new bytes (perhaps 0), and
// before, the window until now.
func (m *Machine) senderACK(c *conn, g *linklayer.Segment, acked int, before uint32) {
	e, s := c.e, &c.s.send
	m.noteSent(c)
	d := delivery{now: micros(c.now), advanced: acked > 0}
	flight := c.pipe(m.segmentSize(c))
	d.unsent = c.unsent(flight, before)
	m.takeCumulative(s, &d, g.Ack)
	if e.Flags&sackOK != 0 {
		m.takeSACK(s, &d, g, e.SndNxt)
	}
	s.probe.wanted = false // something came: it may not be needed any more
	bare := len(g.Payload) == 0 && s.window == before
	switch r := &s.recovery; {
	case acked > 0:
		r.dupACKs = 0
	case e.Flags&sackOK == 0 && e.SndNxt != e.SndUna && bare && s.window > 0 && r.dupACKs < 255:
		// The answer to a probe of a closed window tells of no loss.
		r.dupACKs++
		d.bytes = int32(m.segmentSize(c)) // each tells of a segment that has arrived
	}
	s.resent, s.resentTo = s.resent.Max(g.Ack), s.resentTo.Max(g.Ack)
	m.sampleRTT(s, &d, g.Ack, e.SndNxt)
	m.probeAcked(c, &d, g.Ack, bare && g.Options.SACKCount == 0)
	s.rack.widen(&d, g.Ack, e.SndNxt)
	if d.dsack {
		m.noteDSACK(s)
	}
	if before == 0 && s.window > 0 && g.Ack != e.SndNxt {
		s.flight.markLost(&m.flights, s.flight.first) // the window is open again: what probed it goes first
	}
	if s.window == 0 {
		e.Retries = 0 // the peer is there; it is only slow (RFC 9293 M37)
	}
	m.controlCongestion(c, &d, flight)
}

// Awaited is how soon connection i will hear of what is in flight, when only that
// keeps it from sending more: its round trip; otherwise 0.
func (m *Machine) Awaited(i uint32) time.Duration {
	e := m.table.At(i)
	if e.Side == 0 {
		return 0
	}
	s := &m.sides.records[e.Side-1].send
	if !s.congestion.limited || s.flight.first == s.flight.next {
		return 0
	}
	srtt, _ := s.rto.SRTT()
	return srtt
}

// unsent is how many bytes could leave at once, with so many in flight and the
// peer's window.
func (c *conn) unsent(flight int, window uint32) int {
	s, nxt := &c.s.send, c.e.SndNxt
	room := min(int(s.congestion.cwnd)-flight, int(window)-nxt.Since(c.e.SndUna))
	return max(min(room, s.end.Since(nxt)), 0)
}

// controlCongestion is what an ACK means for losses and for the congestion
// window; flight is what was in flight before it.
func (m *Machine) controlCongestion(c *conn, d *delivery, flight int) {
	s, size := &c.s.send, m.segmentSize(c)
	una := s.flight.start
	if c.e.Flags&sackOK != 0 {
		m.detectSpuriousTimeout(s, d)
	}
	wasActive := s.recovery.active()
	m.leaveRecovery(s, una)
	more := m.findLost(c, d)
	m.setDue(c)
	switch g := &s.congestion; {
	case s.recovery.phase == phaseFast:
		must := more && c.e.Flags&sackOK == 0 // NewReno's partial ACK
		g.cwnd = s.recovery.prr.window(uint32(c.pipe(size)), uint32(d.bytes), g.ssthresh, uint32(size), d.advanced && !more, must)
	case d.advanced && (!wasActive || s.recovery.active()):
		a := ackedNew{bytes: int(d.bytes), size: size, flight: flight, una: una, nxt: c.e.SndNxt, now: d.now}
		if d.sampled {
			a.rtt = max(d.rtt, 1)
		}
		if srtt, ok := s.rto.SRTT(); ok {
			a.srtt = uint32(srtt / time.Microsecond)
		}
		g.grow(&a, m.cfg.NewReno)
	}
}

// sampleRTT takes one round trip a flight (RFC 6298 §3: none from a segment
// that was sent twice, and from no ACK that such a segment may have held up).
func (m *Machine) sampleRTT(s *sender, d *delivery, una, nxt seq.Number) {
	if !d.sampled || d.repeated || una.Before(s.sampled) {
		return
	}
	s.sampled = nxt
	s.rto.Sample(time.Duration(d.rtt)*time.Microsecond, m.cfg.RTOMin, rtoMax)
}

// detectSpuriousTimeout takes a timeout back when the ACK that follows it is of
// segments that were sent only once: their ACK was late, nothing was lost (in
// the manner of F-RTO, RFC 5682).
func (m *Machine) detectSpuriousTimeout(s *sender, d *delivery) {
	if s.recovery.phase == phaseTimeout && s.recovery.undo.possible && d.advanced && d.original && s.flight.segments == 0 {
		m.undoLoss(s)
	}
}
