package handshake

import (
	"time"

	"myriad/conntable"
	"myriad/internal/seq"
	"myriad/linklayer"
)

// Output puts the next segment that connection i has to send into out, and
// reports whether there is one. The owner calls it until there is none.
// Payloads are borrowed until the next call of any method.
func (m *Machine) Output(i uint32, now time.Duration, out *Out) bool {
	var c conn
	m.load(&c, i, now)
	out.reset()
	switch e := c.e; {
	case e.Flags&sendRST != 0 && !handshakeOwed(e):
		m.outputRST(&c, out)
		return true
	case !synchronized(e.State) && e.Flags&sendSYN != 0:
		m.outputSYN(&c, out)
		return true
	case e.State == conntable.SynSent:
		return false
	case e.Flags&sendRST == 0 && synchronized(e.State) && m.outputData(&c, out):
	case e.Flags&ackNow != 0:
		out.Segment.Seq = e.SndNxt
		m.reportHoles(&c, &out.Segment)
	default:
		return false
	}
	m.finishSegment(&c, &out.Segment)
	return true
}

// Quiet reports whether Output has certainly nothing to say for a connection.
func Quiet(e *conntable.Entry) bool {
	return e.Side == 0 && e.Flags&(ackNow|sendSYN|sendRST|sendAgain|request|finQueued) == 0
}

// handshakeOwed: the handshake's third segment has not left. It goes before
// the RST of an application that gives up at once, so that the peer saw a whole
// connection, and not a half-open one.
func handshakeOwed(e *conntable.Entry) bool {
	return e.State == conntable.Established && e.Flags&ackNow != 0 && e.Unacked == 0
}

// finishSegment adds what every segment of a connection that stands carries.
func (m *Machine) finishSegment(c *conn, g *linklayer.Segment) {
	e := c.e
	g.Flags |= linklayer.ACK
	g.Ack = e.RcvNxt
	g.Window = m.advertise(c)
	m.stamp(c, g)
	c.ackLeaves()
	if c.s != nil {
		c.s.receive.unsaid = 0
	}
	if c.s != nil && c.s.receive.repeats > 0 {
		// Without SACK the number of ACKs is all that tells the peer of a
		// loss: one for each segment (RFC 5681 §4.2), where SACK blocks speak
		// for a whole batch.
		if c.s.receive.repeats--; c.s.receive.repeats > 0 {
			e.Flags |= ackNow
		}
	}
}

// ackLeaves is what an ACK changes.
func (c *conn) ackLeaves() {
	c.e.Flags &^= ackNow
	c.e.Unacked &^= unackedMask
	c.ackSaid()
}

// ackSaid ends the wait of a delayed ACK.
func (c *conn) ackSaid() {
	if c.e.Extended {
		c.x.AckDue = 0
	}
}

// outputRST ends the connection (RFC 9293 §3.10.5).
func (m *Machine) outputRST(c *conn, out *Out) {
	out.Segment.Seq = c.e.SndNxt
	out.Segment.Ack = c.e.RcvNxt
	out.Segment.Flags = linklayer.RST | linklayer.ACK
}

// reportHoles puts SACK blocks on an ACK (RFC 2018 §4): four, or three beside
// timestamps.
func (m *Machine) reportHoles(c *conn, g *linklayer.Segment) {
	if c.s == nil || c.e.Flags&sackOK == 0 {
		return
	}
	most := len(g.Options.SACK)
	if c.e.Flags&stampsOK != 0 {
		most--
	}
	g.Options.SACKCount = c.s.receive.holes.Blocks(g.Options.SACK[:], most)
	if g.Options.SACKCount > 0 {
		g.Options.Has |= linklayer.HasSACK
	}
}

// outputData finds the next segment with data or FIN.
func (m *Machine) outputData(c *conn, out *Out) bool {
	if c.e.Flags&separate != 0 && c.e.Flags&ackNow != 0 {
		c.e.Flags &^= separate // the ACK by itself first, the request next
		return false
	}
	if c.s == nil {
		return m.outputPlain(c, out)
	}
	if c.e.Flags&ackNow != 0 && c.s.receive.holes.Len() > 0 {
		return false // SACK blocks have room only on a bare ACK
	}
	return m.outputSide(c, out)
}

// outputPlain sends for a connection without side record: its one request,
// the same again, FIN.
func (m *Machine) outputPlain(c *conn, out *Out) bool {
	e := c.e
	switch {
	case e.Flags&request != 0:
		e.Flags &^= request
		m.sendNew(c, m.requests.Len(c.x.Request), out)
	case e.Flags&sendAgain != 0:
		e.Flags &^= sendAgain
		return m.sendOld(c, e.SndUna, m.segmentSize(c), out)
	case e.Flags&finQueued != 0:
		m.sendNew(c, 0, out)
	default:
		return false
	}
	if e.Flags&finQueued != 0 {
		m.sendFIN(c, &out.Segment)
	}
	return true
}

// sendNew sends the next n bytes for the first time.
func (m *Machine) sendNew(c *conn, n int, out *Out) {
	e := c.e
	out.Segment.Seq = e.SndNxt
	if n > 0 {
		n = m.payload(c, e.SndNxt, n, out)
		out.Segment.Flags |= linklayer.PSH
		e.SndNxt = e.SndNxt.Add(n)
	}
	m.startRTO(c)
}

// sendOld sends up to n bytes from at on again, FIN with them if it was sent
// and is next.
func (m *Machine) sendOld(c *conn, at seq.Number, n int, out *Out) bool {
	end := c.dataEnd()
	out.Segment.Seq = at
	if n = min(n, end.Since(at)); n > 0 {
		n = m.payload(c, at, n, out)
		out.Segment.Flags |= linklayer.PSH
	}
	if end != c.e.SndNxt && at.Add(max(n, 0)) == end {
		out.Segment.Flags |= linklayer.FIN
	} else if n <= 0 {
		return false
	}
	m.Counters.Retransmitted++
	return true
}

// sendFIN puts FIN on a segment that ends with the last byte.
func (m *Machine) sendFIN(c *conn, g *linklayer.Segment) {
	e := c.e
	g.Flags |= linklayer.FIN
	e.SndNxt++
	e.Flags &^= finQueued
	if e.State == conntable.CloseWait {
		e.State = conntable.LastAck
	} else {
		e.State = conntable.FinWait1
	}
	m.startRTO(c)
}

// outputSide sends for a connection with a side record: what is lost, a probe,
// new data, FIN.
func (m *Machine) outputSide(c *conn, out *Out) bool {
	e, s := c.e, &c.s.send
	size := m.segmentSize(c)
	if s.flight.lost > 0 {
		// What is new waits until what is lost has left.
		s.congestion.limited = true
		return m.outputLost(c, size, out)
	}
	if s.probe.wanted && m.outputProbe(c, size, out) {
		return true
	}
	n := m.mayFlow(c, size)
	if n == 0 && e.Flags&sendProbe != 0 {
		n = 1
		m.Counters.Probes++
	}
	e.Flags &^= sendProbe
	fin := e.Flags&finQueued != 0 && e.SndNxt.Add(n) == s.end
	if n == 0 && !(fin && (m.sendWindow(c) > 0 || e.SndNxt == e.SndUna)) {
		m.waitForWindow(c)
		return false
	}
	first := e.SndNxt
	if n < size || !m.sendBurst(c, size, out) {
		m.sendNew(c, n, out)
	}
	if e.SndNxt != s.end {
		out.Segment.Flags &^= linklayer.PSH
	}
	if fin && e.SndNxt == s.end {
		m.sendFIN(c, &out.Segment)
	}
	m.noteSent(c)
	s.recovery.prr.sent(uint32(e.SndNxt.Since(first)))
	m.armProbe(c)
	return true
}

// outputLost sends the first of what is lost again, as far as the congestion
// window goes: a full segment, if that much is lost in a row.
func (m *Machine) outputLost(c *conn, size int, out *Out) bool {
	s, p := &c.s.send, &m.flights
	k, ok := s.flight.nextLost(p)
	if !ok {
		return false
	}
	at, end := s.flight.begin(p, k), s.flight.end(p, k)
	if s.resent.After(at) && s.resent.Before(end) {
		at = s.resent // segments have become smaller than this one was
	}
	for next := k + 1; end.Since(at) < size && s.flight.isLost(p, next); next++ {
		end = s.flight.end(p, next)
	}
	n := min(size, end.Since(at))
	if c.pipe(size)+n > int(s.congestion.cwnd) || !m.sendOld(c, at, n, out) {
		return false
	}
	if k == s.flight.first {
		m.armRTO(c) // it is due a timeout after the first segment left (RFC 6675 §5.1)
	}
	n = out.Segment.Len()
	s.resent = at.Add(n)
	for ; k != s.flight.next && s.flight.end(p, k).AtOrBefore(s.resent); k++ {
		m.noteResent(c, k)
	}
	s.recovery.prr.sent(uint32(n))
	s.sentAt = tick(c.now)
	return true
}

// mayFlow is how many new bytes the next segment may carry: within the peer's
// window, the congestion window, and not in silly amounts (M38).
func (m *Machine) mayFlow(c *conn, size int) int {
	e, s := c.e, &c.s.send
	g := &s.congestion
	g.limited = false
	waiting := s.end.Since(e.SndNxt)
	if finSent(e.State) || waiting <= 0 || int(s.flight.next-s.flight.first) >= max(flightMin, m.cfg.SendBuffer/mssDefault) {
		return 0
	}
	if e.SndUna == e.SndNxt && due(s.sentAt+uint32(s.rto.Value()/time.Millisecond), c.now) {
		g.restart(size)
	}
	window := int(s.window) - e.SndNxt.Since(e.SndUna)
	room := int(g.cwnd) - c.pipe(size)
	g.limited = room < min(waiting, size, window)
	n := min(waiting, size, window, room)
	if n <= 0 {
		return 0
	}
	if n < size && n < waiting && e.SndNxt != e.SndUna && uint32(n) < s.widest/2 {
		return 0
	}
	return n
}

// waitForWindow starts the persist timer when there is something to send and
// nothing in flight whose ACK could open the window (RFC 9293 §3.8.6.1).
func (m *Machine) waitForWindow(c *conn) {
	e := c.e
	waiting := c.s.send.end != e.SndNxt && !finSent(e.State) || e.Flags&finQueued != 0
	if waiting && e.SndUna == e.SndNxt {
		m.startRTO(c)
	}
}

// Unsent says that connection i could not send now for want of a next hop: what
// it has to say is as good as lost, and its timer brings it up again.
func (m *Machine) Unsent(i uint32, now time.Duration) {
	var c conn
	m.load(&c, i, now)
	c.e.Flags &^= ackNow
	m.startRTO(&c)
}
