package handshake

import (
	"time"

	"myriad/conntable"
	"myriad/internal/seq"
	"myriad/linklayer"
)

// Finish closes our direction: what is queued goes out, then FIN (RFC 9293
// §3.10.4). discard says that nobody will read any more: data that arrives
// from now on resets the connection. The Result is Gone for a connection that
// did not stand yet, which takes no segment to end, and Closed for one whose
// end nobody has heard of because of Pause.
func (m *Machine) Finish(i uint32, discard bool, now time.Duration) Result {
	var c conn
	m.load(&c, i, now)
	e := c.e
	if discard {
		if c.s != nil && (c.s.receive.read != e.RcvNxt) {
			m.Counters.Drops[DropUnread]++
			e.Flags |= sendRST
			return Result{Events: Gone}
		}
		waited := e.Flags&finHeld != 0 // the peer's FIN, for Resume
		e.Flags = e.Flags&^(paused|finHeld) | noRead
		if waited && e.State == conntable.TimeWait {
			return Result{Events: Closed} // that was all that was left to tell
		}
	}
	switch e.State {
	case conntable.SynSent:
		return Result{Events: Gone}
	case conntable.SynReceived, conntable.Established, conntable.CloseWait:
		e.Flags |= finQueued
	case conntable.FinWait2:
		if discard && e.Due == 0 {
			e.Due = tick(now + finWait2)
		}
	}
	return Result{}
}

// Reset gives the connection up: Output sends RST where the peer knows of it,
// and the entry is to be removed.
func (m *Machine) Reset(i uint32) {
	m.table.At(i).Flags |= sendRST
}

// SendsRST reports whether a connection that is given up has a RST to send: a
// peer that never answered, and one that has closed, need none.
func SendsRST(e *conntable.Entry) bool {
	return e.State != conntable.SynSent && e.State != conntable.TimeWait
}

// ReplyUnknown makes the answer to a segment for no connection (RFC 9293
// §3.10.7.1), false for a RST, which is never answered.
func ReplyUnknown(g *linklayer.Segment, out *linklayer.Segment) bool {
	if g.Flags&linklayer.RST != 0 {
		return false
	}
	*out = linklayer.Segment{}
	if g.Flags&linklayer.ACK != 0 {
		out.Seq, out.Flags = g.Ack, linklayer.RST
		return true
	}
	out.Flags = linklayer.RST | linklayer.ACK
	out.Ack = g.Seq.Add(g.Len())
	return true
}

// Unreachable handles an ICMP error about a segment of ours that carried quoted
// as its sequence number. It ends an attempt; a connection that stands survives
// hard errors like soft ones (RFC 5927 §6.1), and they are only counted. It
// reports whether the error was about what is in flight.
func (m *Machine) Unreachable(i uint32, quoted seq.Number, now time.Duration) (Result, bool) {
	var c conn
	m.load(&c, i, now)
	e := c.e
	if quoted.Before(e.SndUna) || quoted.AtOrAfter(e.SndNxt) || e.Flags&sendRST != 0 {
		return Result{}, false
	}
	if e.State != conntable.SynSent {
		m.Counters.SoftErrors++
		return Result{}, true
	}
	return m.fail(&c, Unreachable), true
}
