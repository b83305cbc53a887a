package handshake

import (
	"time"

	"myriad/conntable"
	"myriad/internal/seq"
	"myriad/linklayer"
)

// receive takes the segment's data and FIN (RFC 9293 §3.10.7.4, seventh and
// eighth). The segment is acceptable.
func (m *Machine) receive(c *conn, g *linklayer.Segment, r *Result) {
	e := c.e
	if g.Len() == 0 {
		return
	}
	switch e.State {
	case conntable.Established, conntable.FinWait1, conntable.FinWait2:
	default:
		// The peer's FIN came before; it has no more to say.
		e.Flags |= ackNow
		m.Counters.Drops[DropAfterFIN]++
		return
	}
	data, start, fin := m.trim(c, g)
	if len(data) == 0 && !fin {
		return
	}
	if len(data) > 0 && e.Flags&noRead != 0 {
		m.Counters.Drops[DropUnread]++
		*r = m.abort(c, Unread)
		return
	}
	if start != e.RcvNxt {
		m.storeBeyondHole(c, start, data, fin)
		return
	}
	next, rest := m.beforeHeld(c, data)
	if !m.takeInOrder(c, next, r) {
		return
	}
	if len(rest) > 0 {
		m.storeRange(c, seq.Range{Start: c.e.RcvNxt, End: c.e.RcvNxt.Add(len(rest))}, rest)
	}
	m.fillHole(c, r)
	if fin && start.Add(len(data)) == e.RcvNxt {
		m.finReached(c, r)
	}
	m.oweACK(c, len(data), fin)
	m.tuneWindow(c)
}

// trim cuts off what was received before and what lies beyond the window.
func (m *Machine) trim(c *conn, g *linklayer.Segment) (data []byte, start seq.Number, fin bool) {
	e := c.e
	data, start, fin = g.Payload, g.Seq, g.Flags&linklayer.FIN != 0
	if old := e.RcvNxt.Since(start); old > 0 {
		m.noteDuplicate(c, g)
		data, start = data[old:], e.RcvNxt // an acceptable segment ends beyond RCV.NXT
	}
	if room := e.RcvEdge.Since(start); len(data) > room {
		m.Counters.Drops[DropOutOfWindow]++
		e.Flags |= ackNow
		data, fin = data[:max(room, 0)], false
	}
	if c.s != nil && c.s.receive.finKnown && start.Add(len(data)).After(c.s.receive.fin) {
		// Bytes after its own FIN: the peer contradicts itself.
		m.Counters.Drops[DropAfterFIN]++
		e.Flags |= ackNow
		data = data[:max(c.s.receive.fin.Since(start), 0)]
		fin = start.Add(len(data)) == c.s.receive.fin
	}
	return data, start, fin
}

// beforeHeld splits in-order data where bytes begin that were stored earlier:
// the first copy of a byte wins.
func (m *Machine) beforeHeld(c *conn, data []byte) (next, rest []byte) {
	if c.s == nil || c.s.receive.holes.Len() == 0 {
		return data, nil
	}
	gap := c.s.receive.holes.Gap(seq.Range{Start: c.e.RcvNxt, End: c.e.RcvNxt.Add(len(data))})
	return data[:gap.Len()], data[gap.Len():]
}

// takeInOrder delivers bytes that are next, from the segment itself where
// nothing is held; it reports false when there was no memory to hold them.
func (m *Machine) takeInOrder(c *conn, data []byte, r *Result) bool {
	e := c.e
	if len(data) == 0 {
		return true
	}
	held := c.s != nil && c.s.receive.read != e.RcvNxt
	if e.Flags&paused == 0 && !held {
		r.Data = data
		r.Events |= Data
		e.RcvNxt = e.RcvNxt.Add(len(data))
		if c.s != nil {
			c.s.receive.read = e.RcvNxt
		}
		return true
	}
	if !m.needSide(c) {
		m.Counters.Drops[DropNoSide]++
		return false
	}
	c.s.receive.drained = false
	if c.s.receive.queue.WriteAt(m.chunks, e.RcvNxt, data) != nil {
		m.Counters.Drops[DropNoBuffer]++
		return false
	}
	e.RcvNxt = e.RcvNxt.Add(len(data))
	if e.Flags&paused == 0 {
		r.Events |= More
	}
	return true
}

// storeBeyondHole keeps what came too early, and says so at once (RFC 5681
// §4.2), with SACK where the peer reads it.
func (m *Machine) storeBeyondHole(c *conn, start seq.Number, data []byte, fin bool) {
	c.e.Flags |= ackNow
	if !m.needSide(c) {
		m.Counters.Drops[DropNoSide]++
		return
	}
	in := &c.s.receive
	if c.e.Flags&sackOK == 0 && in.repeats < 255 {
		in.repeats++
	}
	end := start.Add(len(data))
	if fin && !in.finKnown {
		in.fin, in.finKnown = end, true
	}
	if len(data) == 0 {
		return
	}
	m.storeRange(c, seq.Range{Start: start, End: end}, data)
}

// storeRange keeps the bytes of r that were not there yet: the first copy of a
// byte wins, whatever a later one says.
func (m *Machine) storeRange(c *conn, r seq.Range, data []byte) {
	in := &c.s.receive
	in.drained = false
	for at := r.Start; at.Before(r.End); {
		gap := in.holes.Gap(seq.Range{Start: at, End: r.End})
		if gap.Len() <= 0 {
			break
		}
		if in.queue.WriteAt(m.chunks, gap.Start, data[gap.Start.Since(r.Start):gap.End.Since(r.Start)]) != nil {
			m.Counters.Drops[DropNoBuffer]++
			return
		}
		at = gap.End
	}
	merged, duplicate, err := in.holes.Add(m.holes, r)
	if err != nil {
		m.Counters.Drops[DropHolesFull]++
		return
	}
	if c.e.Flags&sackOK != 0 && (in.unsaid == 0 || merged.Start != in.lately) {
		in.unsaid, in.lately = min(in.unsaid, 254)+1, merged.Start
	}
	m.Counters.OutOfOrder++
	if duplicate.Len() > 0 {
		m.Counters.DSACKs++
	}
}

// fillHole moves RCV.NXT over what was stored and is now in order.
func (m *Machine) fillHole(c *conn, r *Result) {
	e := c.e
	if c.s == nil {
		return
	}
	in := &c.s.receive
	if in.holes.Len() > 0 {
		next := in.holes.Advance(e.RcvNxt)
		// A segment that fills all or part of a gap is acknowledged at once.
		e.Flags |= ackNow
		in.repeats = 0
		if next != e.RcvNxt {
			e.RcvNxt = next
			if e.Flags&paused == 0 {
				r.Events |= More
			}
		}
	}
	switch {
	case !in.finKnown:
	case in.fin == e.RcvNxt:
		m.finReached(c, r)
	case in.fin.Before(e.RcvNxt):
		// It came after bytes that were stored beyond it: the first copy of
		// a byte wins over a FIN in its place, too.
		m.Counters.Drops[DropAfterFIN]++
		in.finKnown = false
	}
}

// finReached moves past the peer's FIN.
func (m *Machine) finReached(c *conn, r *Result) {
	e := c.e
	e.RcvNxt++
	e.RcvEdge = e.RcvEdge.Max(e.RcvNxt)
	e.Flags |= ackNow
	if c.s != nil {
		c.s.receive.finKnown = false
		c.s.receive.holes.Clear(m.holes)
	}
	held := c.s != nil && c.s.receive.read != e.RcvNxt-1
	switch {
	case e.Flags&noRead != 0:
	case e.Flags&paused != 0:
		e.Flags |= finHeld
	case held:
		// Held delivers what is before it first; the worker asks for both
		// in one go.
		e.Flags |= finHeld
		r.Events |= More
	default:
		r.Events |= EndOfStream
	}
	if c.s != nil && !held {
		c.s.receive.read = e.RcvNxt
	}
	m.closeReceive(c, r)
}

// closeReceive is the state's change on the peer's FIN.
func (m *Machine) closeReceive(c *conn, r *Result) {
	switch c.e.State {
	case conntable.Established:
		c.e.State = conntable.CloseWait
	case conntable.FinWait1:
		c.e.State = conntable.Closing
	case conntable.FinWait2:
		m.timeWait(c, r)
	}
}

// oweACK decides when the data is acknowledged: at least every second full
// segment (RFC 9293 SHLD-19), otherwise delayed.
func (m *Machine) oweACK(c *conn, size int, fin bool) {
	e := c.e
	if size == 0 || fin {
		return
	}
	if e.Unacked&unackedMask < unackedMask {
		e.Unacked++
	}
	if e.Unacked < segmentsMax {
		e.Unacked += segmentsOne
	}
	if e.Unacked&unackedMask >= 2 {
		e.Flags |= ackNow
	}
	if e.Flags&ackNow == 0 && c.x.AckDue == 0 {
		c.extend().AckDue = tick(c.now + ackDelay(c))
	}
}

// ackDelay is how long an ACK may wait for company: half a round trip, so that
// it still comes before the peer's tail loss probe, two round trips after what
// it sent (RFC 8985 §7.2), makes it send the segment again.
func ackDelay(c *conn) time.Duration {
	half := time.Duration(c.e.Micros) * time.Microsecond / 2
	return min(max(half, time.Millisecond), delayedACKMax)
}

// noteDuplicate has the next ACK report bytes that came twice (RFC 2883).
func (m *Machine) noteDuplicate(c *conn, g *linklayer.Segment) {
	c.e.Flags |= ackNow
	if c.e.Flags&sackOK == 0 || len(g.Payload) == 0 || c.e.State == conntable.TimeWait || !m.needSide(c) {
		return
	}
	end := g.Seq.Add(len(g.Payload))
	if c.s.receive.holes.Len() == 0 {
		end = end.Min(c.e.RcvNxt)
	}
	m.Counters.DSACKs++
	c.s.receive.holes.NoteDuplicate(seq.Range{Start: g.Seq, End: end.Min(c.e.RcvNxt)})
}

// unsaidMost is the number of ranges that one ACK can tell of, beside a D-SACK
// and timestamps.
const unsaidMost = 2

// MustReport reports whether connection i's ACK is to leave before the next
// segment is handled: with more ranges than fit into it, the peer would never
// hear of some, and send them again.
func (m *Machine) MustReport(i uint32) bool {
	e := m.table.At(i)
	return synchronized(e.State) && e.Side != 0 && m.sides.records[e.Side-1].receive.unsaid >= unsaidMost
}
