package handshake

import (
	"time"

	"myriad/conntable"
	"myriad/internal/seq"
)

// Entry.Unacked holds two counts: the segments since the last ACK in its low
// bits, and above them all segments with data, until they tell that the
// window is worth tuning.
const (
	unackedMask = 0x03
	segmentsOne = 0x04
	segmentsMax = 0xfc
)

// advertise returns the window field for a segment that leaves now, and
// remembers the right edge. The edge never moves back (RFC 9293 SHLD-14), and
// forward only by steps worth telling (silly window avoidance, M39).
func (m *Machine) advertise(c *conn) uint16 {
	e := c.e
	read, window := m.readAndWindow(c)
	edge := e.RcvEdge
	if e.Flags&paused == 0 {
		if want := read.Add(window); want.Since(edge) >= min(window/2, m.cfg.MSS) {
			edge = want
		}
	}
	shift := e.Scale >> 4
	unit := 1 << shift
	offered := max(edge.Since(e.RcvNxt), 0)
	// Rounded up, so that the edge does not move back by the part that the
	// shift cuts off, as long as that does not creep: one unit at the most.
	field := (offered + unit - 1) >> shift
	if e.RcvNxt.Add(field<<shift).Since(read) > window+unit {
		field = offered >> shift
	}
	field = min(field, 0xffff)
	e.RcvEdge = e.RcvEdge.Max(e.RcvNxt.Add(field << shift))
	return uint16(field)
}

// readAndWindow is what the application has taken, and how far beyond it the
// peer may send.
func (m *Machine) readAndWindow(c *conn) (read seq.Number, window int) {
	if c.s == nil {
		return c.e.RcvNxt, m.cfg.ReceiveBuffer
	}
	return c.s.receive.read, int(c.s.receive.window)
}

// windowMoved owes the peer an ACK when the application has made room that is
// worth telling.
func (m *Machine) windowMoved(c *conn) {
	switch c.e.State {
	case conntable.SynSent, conntable.SynReceived:
		return // the handshake tells of the window
	case conntable.CloseWait, conntable.Closing, conntable.LastAck, conntable.TimeWait:
		return // nothing more will come
	}
	read, window := m.readAndWindow(c)
	if read.Add(window).Since(c.e.RcvEdge) >= min(window/2, 2*m.cfg.MSS) {
		c.e.Flags |= ackNow
	}
}

// tuneWindow lets the receive window follow the path: when half a window or
// more was delivered in one round trip, the next one may be twice as large. The
// round trip is the handshake's, or a longer one that our own data has: where
// both ends send, ACKs wait in the queues behind data, and a window for the
// empty path leaves the link idle between them. A plain connection gets a record
// for it once it has taken what shows that it is a download.
func (m *Machine) tuneWindow(c *conn) {
	if m.cfg.ReceiveBufferMax <= m.cfg.ReceiveBuffer {
		return
	}
	if c.s == nil {
		if c.e.Unacked < lightSegments*segmentsOne || !m.needSide(c) {
			return
		}
	}
	in := &c.s.receive
	round := max(time.Duration(c.e.Micros)*time.Microsecond, time.Millisecond)
	if srtt, ok := c.s.send.rto.SRTT(); ok {
		round = max(round, srtt)
	}
	if c.now-in.tuneAt < round {
		return
	}
	if in.read.Since(in.tuneSeq) >= int(in.window)/2 && m.chunks.InUse() < m.cfg.BufferMemory/4*3 {
		in.window = min(2*in.window, uint32(m.cfg.ReceiveBufferMax))
	}
	in.tuneAt, in.tuneSeq = c.now, in.read
}
