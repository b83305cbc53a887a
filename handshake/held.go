package handshake

import (
	"time"

	"myriad/conntable"
	"myriad/internal/seq"
)

// Pause stops delivery: what arrives from now on is held, and the window does
// not move.
func (m *Machine) Pause(i uint32) { m.table.At(i).Flags |= paused }

// Resume ends Pause. It reports whether Held has something to deliver.
func (m *Machine) Resume(i uint32, now time.Duration) bool {
	var c conn
	m.load(&c, i, now)
	if c.e.Flags&paused == 0 {
		return false
	}
	c.e.Flags &^= paused
	m.windowMoved(&c)
	return c.e.Flags&finHeld != 0 || c.s != nil && c.s.receive.read != m.heldEnd(&c)
}

// heldEnd is the number after the last byte that can be delivered.
func (m *Machine) heldEnd(c *conn) seq.Number {
	switch c.e.State {
	case conntable.CloseWait, conntable.Closing, conntable.LastAck, conntable.TimeWait:
		return c.e.RcvNxt - 1 // the peer's FIN
	}
	return c.e.RcvNxt
}

// Held returns the next piece of data that was held and is now in order, nil
// when there is none. The piece is borrowed until EndTurn.
func (m *Machine) Held(i uint32, now time.Duration) []byte {
	var c conn
	m.load(&c, i, now)
	if c.s == nil || c.e.Flags&paused != 0 {
		return nil
	}
	in, end := &c.s.receive, m.heldEnd(&c)
	if in.read.AtOrAfter(end) {
		in.read = c.e.RcvNxt
		in.drained = in.holes.Len() == 0
		m.windowMoved(&c)
		return nil
	}
	piece := in.queue.Peek(m.chunks, in.read, end.Since(in.read))
	in.read = in.read.Add(len(piece))
	in.delivered = in.read
	if !c.s.spent {
		c.s.spent = true
		m.spent = append(m.spent, borrowed{c.e.Side, i})
	}
	return piece
}

// HeldFIN says, once, that the peer's FIN comes after what Held delivered:
// EndOfStream, with Closed where that was the connection's end.
func (m *Machine) HeldFIN(i uint32) Events {
	e := m.table.At(i)
	if e.Flags&finHeld == 0 || e.Flags&paused != 0 {
		return 0
	}
	e.Flags &^= finHeld
	if e.State == conntable.TimeWait {
		return EndOfStream | Closed
	}
	return EndOfStream
}

// Over reports whether the application has heard of the connection's end.
func Over(e *conntable.Entry) bool {
	return e.Flags&sendRST != 0 || e.State == conntable.TimeWait && e.Flags&finHeld == 0
}
