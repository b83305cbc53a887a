package handshake

import (
	"time"

	"myriad/conntable"
	"myriad/linklayer"
)

// stencils are what a plain connection says without payload, made beforehand by
// the functions that say it otherwise.
type stencils struct {
	syn, ack, rst linklayer.Stencil
	window        uint16 // of the SYN
	hasSYN        bool   // the SYN's options fit
}

// cutStencils makes them anew, of what the configuration says now.
func (m *Machine) cutStencils() {
	c := conn{e: &conntable.Entry{State: conntable.SynSent}, x: &conntable.Extra{}}
	var out Out
	m.outputSYN(&c, &out)
	m.stencils.syn, m.stencils.hasSYN = linklayer.NewStencil(&out.Segment)
	m.stencils.window = out.Segment.Window
	c.e.State = conntable.Established
	out.reset()
	m.finishSegment(&c, &out.Segment)
	m.stencils.ack, _ = linklayer.NewStencil(&out.Segment)
	out.reset()
	m.outputRST(&c, &out)
	m.stencils.rst, _ = linklayer.NewStencil(&out.Segment)
}

// Plain is Output for the segments of which most are sent: the SYN, the bare
// ACK and the RST of a connection without side record. It returns the segment's
// stencil, and fills in Seq, Ack and Window; nil when Output is to be asked,
// which always can be in its place.
func (m *Machine) Plain(i uint32, now time.Duration, n *linklayer.Numbers) *linklayer.Stencil {
	e := m.table.At(i)
	switch {
	case e.Side != 0:
		return nil
	case e.Flags&sendRST != 0 && !handshakeOwed(e):
		n.Seq, n.Ack, n.Window = e.SndNxt, e.RcvNxt, 0
		return &m.stencils.rst
	case e.State == conntable.SynSent && e.Flags&sendSYN != 0 && m.stencils.hasSYN:
		n.Seq, n.Ack, n.Window = e.SndUna, 0, m.stencils.window
		m.synLeaves(e, now)
		return &m.stencils.syn
	case synchronized(e.State) && e.Flags&ackNow != 0 && (e.Flags&sendRST != 0 || e.Flags&(sendAgain|request|separate|finQueued) == 0):
		c := conn{e: e, x: m.table.Extra(i), i: i, now: now}
		n.Seq, n.Ack, n.Window = e.SndNxt, e.RcvNxt, m.advertise(&c)
		c.ackLeaves()
		return &m.stencils.ack
	}
	return nil
}
