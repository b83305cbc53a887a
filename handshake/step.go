package handshake

import (
	"time"

	"myriad/conntable"
	"myriad/linklayer"
)

// Step handles one segment of connection i, in the order of RFC 9293 §3.10.7.
func (m *Machine) Step(i uint32, g *linklayer.Segment, now time.Duration) Result {
	var c conn
	m.load(&c, i, now)
	if c.e.Flags&sendRST != 0 {
		return m.drop(DropResetting)
	}
	switch c.e.State {
	case conntable.SynSent:
		return m.stepSynSent(&c, g)
	case conntable.SynReceived:
		return m.stepSynReceived(&c, g)
	}
	return m.stepSynchronized(&c, g)
}

func (m *Machine) stepSynchronized(c *conn, g *linklayer.Segment) Result {
	e := c.e
	if !m.paws(c, g) {
		return Result{}
	}
	if !acceptable(e, g) {
		return m.unacceptable(c, g)
	}
	if g.Flags&(linklayer.RST|linklayer.SYN) != 0 {
		return m.resetOrSYN(c, g)
	}
	if g.Flags&linklayer.ACK == 0 {
		return m.drop(DropNoACK)
	}
	if e.Extended && c.x.Idle != 0 {
		c.x.Active = tick(c.now)
	}
	var r Result
	if !m.acknowledge(c, g, &r) {
		return r
	}
	c.takeStamp(g)
	m.receive(c, g, &r)
	return r
}

// acceptable is the four-case test of RFC 9293 §3.4. The window is what we
// last advertised: a peer that goes beyond what it was told is out of it.
func acceptable(e *conntable.Entry, g *linklayer.Segment) bool {
	length, window := g.Len(), uint32(e.RcvEdge-e.RcvNxt)
	if window == 0 {
		// ACKs, and RST and URG (M66), count at a closed window.
		return g.Seq == e.RcvNxt
	}
	if g.Seq.In(e.RcvNxt, window) {
		return true
	}
	if length == 0 {
		// RCV.NXT+window is just outside by the letter, but a peer that has
		// filled the window sends its bare ACKs from there.
		return g.Seq == e.RcvEdge
	}
	return g.Seq.Add(length-1).In(e.RcvNxt, window)
}

// unacceptable answers a segment outside the window with an ACK that says
// where we are; a RST is only dropped. The ACK for old data is not limited: a
// peer whose ACK was lost must hear it again. One for a segment without data, or
// from far off, is (RFC 5961 §7).
func (m *Machine) unacceptable(c *conn, g *linklayer.Segment) Result {
	e := c.e
	switch {
	case g.Flags&linklayer.RST != 0:
		return m.drop(DropRSTOutOfWindow)
	case g.Flags&linklayer.SYN != 0:
		// A SYN-ACK again: our ACK was lost. Others are challenged alike
		// (RFC 5961 §4).
		m.challenge(c)
		return m.drop(DropSYNChallenged)
	}
	if g.Len() == 0 || m.farOff(e, g) {
		// Two ends that are out of step would answer each other's bare ACKs
		// for ever; and strangers' guesses must cost little.
		m.challenge(c)
		return m.drop(DropOutOfWindow)
	}
	e.Flags |= ackNow
	if e.State == conntable.TimeWait {
		// The peer's FIN again: 2MSL from now (RFC 9293 §3.10.7.4).
		e.Due = tick(c.now + m.cfg.TimeWait)
	}
	if g.Seq.Before(e.RcvNxt) {
		m.noteDuplicate(c, g)
		return m.drop(DropDuplicate)
	}
	return m.drop(DropOutOfWindow)
}

// farOff: no window of this connection ever began or ended there.
func (m *Machine) farOff(e *conntable.Entry, g *linklayer.Segment) bool {
	widest := m.cfg.ReceiveBufferMax
	return g.Seq.Add(g.Len()).Since(e.RcvNxt) < -widest || g.Seq.Since(e.RcvEdge) > widest
}

// resetOrSYN handles RST and SYN inside the window (RFC 5961 §3 and §4): only
// a RST at exactly RCV.NXT resets.
func (m *Machine) resetOrSYN(c *conn, g *linklayer.Segment) Result {
	if g.Flags&linklayer.RST == 0 {
		m.challenge(c)
		return m.drop(DropSYNChallenged)
	}
	if g.Seq != c.e.RcvNxt {
		m.challenge(c)
		return m.drop(DropRSTChallenged)
	}
	switch c.e.State {
	case conntable.Closing, conntable.LastAck, conntable.TimeWait:
		// Both directions are done but for our FIN; RST only shortens the rest.
		// RFC 1337 keeps TIME-WAIT, whose end comes by itself.
		if c.e.State == conntable.TimeWait {
			return m.drop(DropRSTOutOfWindow)
		}
		if c.e.SndUna.Before(c.dataEnd()) {
			break // what we sent has not all arrived
		}
		if c.e.Flags&finHeld != 0 {
			// The application has not read all that came before the FIN. Ours
			// will not be acknowledged any more.
			var r Result
			c.e.SndUna = c.e.SndNxt
			if c.s != nil {
				c.s.send.flight.reset(&m.flights, c.e.SndUna)
			}
			m.freeAcked(c, &r)
			m.timeWait(c, &r)
			return r
		}
		return m.end(c)
	}
	return m.fail(c, ResetByPeer)
}

// fail ends the connection at once and without a word to the peer. In TIME-WAIT
// the application has heard of the end, unless it has yet to read what came
// before.
func (m *Machine) fail(c *conn, why Reason) Result {
	if c.e.State == conntable.TimeWait && c.e.Flags&finHeld == 0 {
		return Result{Events: Gone}
	}
	return Result{Events: Failed | Gone, Reason: why}
}

// end ends the connection in order.
func (m *Machine) end(c *conn) Result {
	return Result{Events: Closed | Gone}
}

// abort ends the connection with a RST, which Output sends.
func (m *Machine) abort(c *conn, why Reason) Result {
	c.e.Flags |= sendRST
	return Result{Events: Failed | Gone, Reason: why}
}
