package handshake

import (
	"time"

	"myriad/conntable"
	"myriad/internal/chunks"
	"myriad/internal/seq"
	"myriad/sack"
	"myriad/timers"
)

// Side is what only some connections need: a send queue with its congestion
// control, holes, unread data, timestamps.
type Side struct {
	send      sender
	receive   receiver
	stamps    stamps
	next      uint32 // free list, +1
	stalledAt uint32 // when what nobody reads for began to wait for the peer, tick; 0 = it does not
	path      pathCut
	spent     bool // in the Machine's list of sides with delivered chunks
}

// sender: what is queued, what is in flight, what the path takes.
type sender struct {
	queue    chunks.Stream
	end      seq.Number // after the last byte queued
	window   uint32     // the peer's, in bytes
	widest   uint32     // the largest it ever offered
	wl1, wl2 seq.Number // segment of the last window update, RFC 9293 §3.10.7.4
	rto      timers.RTO
	sampled  seq.Number // the next round trip is taken beyond it: one a flight
	rtoDue   uint32     // when the retransmission timeout is due, tick; 0 = not running
	sentAt   uint32     // when the last segment left, tick
	early    earlyTimer
	flight   flight
	resentTo seq.Number // no segment beyond it was sent twice
	resent   seq.Number // of the first lost segment, sent again up to here
	rack     rack
	probe    lossProbe
	recovery recovery

	congestion congestion
}

// receiver: what arrived and was not delivered.
type receiver struct {
	queue     chunks.Stream
	holes     sack.Ranges
	read      seq.Number // next to be delivered; RcvNxt when nothing is held
	fin       seq.Number // the FIN's number, if finKnown
	finKnown  bool
	unsaid    uint8      // ranges begun or lengthened since the last ACK
	lately    seq.Number // the start of the last of them
	repeats   uint8      // ACKs owed for segments beyond a hole, to a peer without SACK
	window    uint32     // what is offered when nothing is held
	tuneSeq   seq.Number
	tuneAt    time.Duration
	delivered seq.Number // everything before was handed out; freed at EndTurn
	drained   bool       // and the queue holds nothing beyond
}

// sidePool hands out records from the front of the slice, so that memory is
// touched only as it is needed.
type sidePool struct {
	records []Side
	used    int    // records[used:] were never handed out
	free    uint32 // of those before, + 1
	inUse   int
}

// take returns a record's number + 1; 0 when none is left.
func (p *sidePool) take() uint32 {
	n := p.free
	switch {
	case n != 0:
		p.free = p.records[n-1].next
	case p.used < len(p.records):
		p.used++
		n = uint32(p.used)
	default:
		return 0
	}
	p.inUse++
	return n
}

// needSide gives the connection a side record; false when none is left.
func (m *Machine) needSide(c *conn) bool {
	if c.s != nil {
		return true
	}
	n := m.sides.take()
	if n == 0 {
		return false
	}
	m.Counters.SidesMax = max(m.Counters.SidesMax, uint64(m.sides.inUse))
	c.e.Side = n
	c.s = &m.sides.records[n-1]
	c.s.next = 0
	m.fillSide(c)
	if c.e.Flags&request != 0 && synchronized(c.e.State) {
		m.takeRequest(c)
	}
	return true
}

// takeRequest leaves to the record a request that was not sent yet.
func (m *Machine) takeRequest(c *conn) {
	c.e.Flags &^= request
	c.s.send.end = c.e.SndNxt.Add(m.requests.Len(c.x.Request))
	c.s.send.queue.Reset(c.s.send.end)
}

// fillSide starts the record from what the entry knows.
func (m *Machine) fillSide(c *conn) {
	s, e := c.s, c.e
	end := c.dataEnd()
	s.send.end = end
	s.send.queue.Reset(end)
	s.send.window = uint32(e.SndWnd) << (e.Scale & 15)
	s.send.widest = s.send.window
	s.send.wl1, s.send.wl2 = e.RcvNxt, e.SndUna
	s.send.rto = timers.RTO{}
	switch {
	case e.Micros == 0 || !synchronized(e.State):
	case e.Micros == unmeasured:
		s.send.rto.AfterSYN() // until the first sample, which must not be averaged with that
	default:
		s.send.rto.Sample(time.Duration(e.Micros)*time.Microsecond, m.cfg.RTOMin, rtoMax)
	}
	m.startSender(c)
	s.receive.queue.Reset(e.RcvNxt)
	s.receive.read, s.receive.delivered = e.RcvNxt, e.RcvNxt
	s.receive.finKnown, s.receive.drained, s.receive.repeats = false, false, 0
	s.receive.unsaid = 0
	s.receive.window = uint32(m.cfg.ReceiveBuffer)
	s.receive.tuneSeq, s.receive.tuneAt = e.RcvNxt, c.now
	s.stamps = stamps{}
	s.stalledAt, s.path = 0, pathCut{}
}

// Forget frees what the connection holds beside its entry. Call it before the
// entry is removed.
func (m *Machine) Forget(i uint32) {
	e := m.table.At(i)
	if e.Side == 0 {
		return
	}
	s := &m.sides.records[e.Side-1]
	s.send.queue.Free(m.chunks)
	s.send.flight.reset(&m.flights, 0)
	if s.spent {
		// Pieces that Held gave out are still being read: EndTurn frees.
		s.receive.holes.Clear(m.holes)
		s.next = ^uint32(0)
		m.sides.inUse--
		e.Side = 0
		return
	}
	m.freeSide(e.Side)
	m.sides.inUse--
	e.Side = 0
}

func (m *Machine) freeSide(side uint32) {
	s := &m.sides.records[side-1]
	s.receive.queue.Free(m.chunks)
	s.receive.holes.Clear(m.holes)
	s.next = m.sides.free
	m.sides.free = side
}

// Settle gives back the record of a connection that has nothing left but to
// wait in TIME-WAIT: a minute of those would use up what the living need. Only
// timestamps still need theirs.
func (m *Machine) Settle(i uint32) {
	if m.table.At(i).Flags&stampsOK == 0 {
		m.Forget(i)
	}
}

// borrowed is a side record with pieces that Held gave out, and the connection
// that had it then.
type borrowed struct{ side, owner uint32 }

// EndTurn ends the borrowing of the pieces that Held gave out since the last
// EndTurn. inHand says, when an assertion fails, whose pieces those were:
// conntable.None where that connection has ended. EndTurn may be called again
// then, for the rest.
func (m *Machine) EndTurn(inHand *uint32) {
	for last := len(m.spent) - 1; last >= 0; last-- {
		side, owner := m.spent[last].side, m.spent[last].owner
		m.spent = m.spent[:last]
		if *inHand = owner; m.table.At(owner).Side != side {
			*inHand = conntable.None
		}
		s := &m.sides.records[side-1]
		s.spent = false
		if s.next == ^uint32(0) {
			m.freeSide(side)
			continue
		}
		if s.receive.drained {
			s.receive.queue.Free(m.chunks)
			s.receive.queue.Reset(s.receive.delivered)
			continue
		}
		s.receive.queue.Discard(m.chunks, s.receive.delivered)
	}
}

// SidesInUse is the number of side records in use.
func (m *Machine) SidesInUse() int { return m.sides.inUse }

// BufferBytes is the memory held in send buffers, out of order, or unread.
func (m *Machine) BufferBytes() int { return m.chunks.InUse() }
