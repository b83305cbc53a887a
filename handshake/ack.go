package handshake

import (
	"myriad/conntable"
	"myriad/linklayer"
)

// acknowledge handles a segment's ACK and window (RFC 9293 §3.10.7.4, fifth).
// It reports whether the rest of the segment may be looked at.
func (m *Machine) acknowledge(c *conn, g *linklayer.Segment, r *Result) bool {
	e := c.e
	if g.Ack.After(e.SndNxt) {
		// Bytes that we never sent: RFC 9293 answers with an ACK; RFC 5961
		// §5 and "ghost ACKs" are why the data is not taken either.
		m.challenge(c)
		m.Counters.Drops[DropACKOfUnsent]++
		return false
	}
	if g.Ack.Before(e.SndUna) {
		if e.SndUna.Since(g.Ack) > m.widestWindow(c) {
			m.challenge(c)
			m.Counters.Drops[DropACKTooOld]++
			return false
		}
		return true // old, but its data may be new
	}
	acked := g.Ack.Since(e.SndUna)
	before := m.sendWindow(c)
	m.updateWindow(c, g)
	if c.s != nil {
		m.senderACK(c, g, acked, before)
		c.widenPath()
	}
	if acked == 0 {
		return true
	}
	e.SndUna = g.Ack
	e.Retries = 0
	e.Flags &^= sendAgain
	m.restartTimer(c)
	m.freeAcked(c, r)
	if finSent(e.State) && g.Ack == e.SndNxt {
		return m.finAcked(c, r)
	}
	return true
}

// widestWindow bounds how old an acceptable ACK can be (RFC 5961 §5).
func (m *Machine) widestWindow(c *conn) int {
	if c.s != nil {
		return int(max(c.s.send.widest, 0xffff))
	}
	return 0xffff << (c.e.Scale & 15)
}

// sendWindow is what the peer allows to be in flight, in bytes.
func (m *Machine) sendWindow(c *conn) uint32 {
	if c.s != nil {
		return c.s.send.window
	}
	return uint32(c.e.SndWnd) << (c.e.Scale & 15)
}

// updateWindow takes the segment's window if it is not older than the last
// one taken (SND.WL1, SND.WL2). One that acknowledges new bytes is newer than
// all before, also when a peer that went back to send its own data again gave
// it a lower sequence number: with the old window beside the new SND.UNA we
// would send beyond what it offers. A plain connection has at most one segment
// in flight and keeps no such memory.
func (m *Machine) updateWindow(c *conn, g *linklayer.Segment) {
	if c.s != nil {
		s := &c.s.send
		old := s.wl1.After(g.Seq) || s.wl1 == g.Seq && s.wl2.After(g.Ack)
		if old && !g.Ack.After(c.e.SndUna) {
			return
		}
	}
	m.setWindow(c, g, uint32(g.Window)<<(c.e.Scale&15))
}

func (m *Machine) setWindow(c *conn, g *linklayer.Segment, window uint32) {
	c.e.SndWnd = uint16(window >> (c.e.Scale & 15))
	if c.s != nil {
		s := &c.s.send
		s.window = window
		s.widest = max(s.widest, window)
		s.wl1, s.wl2 = g.Seq, g.Ack
	}
}

// freeAcked lets go of acknowledged bytes and tells an application that waits
// for room.
func (m *Machine) freeAcked(c *conn, r *Result) {
	if c.s == nil {
		return
	}
	if c.x.Request != 0 && c.e.SndUna.Since(c.x.RequestSeq) >= m.requests.Len(c.x.Request) {
		c.x.Request = 0 // 4 GiB on, other bytes have its numbers
	}
	s := &c.s.send
	if c.e.SndUna.AtOrAfter(s.end) {
		s.queue.Free(m.chunks)
		s.queue.Reset(s.end)
	} else {
		s.queue.Discard(m.chunks, c.e.SndUna)
	}
	if c.e.Flags&blocked != 0 && m.queued(c) <= m.cfg.SendBuffer/2 {
		c.e.Flags &^= blocked
		r.Events |= Writable
	}
}

// queued is the number of bytes unsent or unacknowledged.
func (m *Machine) queued(c *conn) int {
	if c.s == nil {
		return 0
	}
	return max(c.s.send.end.Since(c.e.SndUna), 0)
}

// finAcked: the peer has all that we sent, our FIN included. It reports
// whether the segment's own data still matters.
func (m *Machine) finAcked(c *conn, r *Result) bool {
	e := c.e
	switch e.State {
	case conntable.FinWait1:
		e.State = conntable.FinWait2
		e.Due = 0
		if e.Flags&noRead != 0 {
			// Nobody reads any more: the peer has a minute to close too.
			e.Due = tick(c.now + finWait2)
		}
	case conntable.Closing:
		m.timeWait(c, r)
	case conntable.LastAck:
		if e.Flags&finHeld != 0 {
			m.timeWait(c, r) // the application has not read all of it yet
			break
		}
		*r = m.end(c)
		return false
	}
	return true
}

// timeWait enters TIME-WAIT: the application is told that all is done, the
// entry stays for 2MSL to answer the peer's FIN again.
func (m *Machine) timeWait(c *conn, r *Result) {
	c.e.State = conntable.TimeWait
	c.e.Due = tick(c.now + m.cfg.TimeWait)
	if c.e.Extended {
		c.x.Deadline, c.x.Idle = 0, 0
	}
	if c.e.Flags&finHeld == 0 {
		r.Events |= Closed
	}
}
