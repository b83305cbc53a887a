package handshake

import (
	"errors"
	"fmt"
	"time"

	"myriad/conntable"
	"myriad/internal/seq"
)

// Holdings is what connections hold beside their entries.
type Holdings struct {
	Sides       int
	BufferBytes int
	Holes       int // out-of-order ranges
	Blocks      int // that describe segments in flight
	Further     int // of them, beyond a flight's first
}

// Check looks at what must be true of connection i between two turns, when it
// is not in the owner's list for Output, and returns what it holds. It is for
// tests and simulations.
func (m *Machine) Check(i uint32, now time.Duration) (Holdings, error) {
	var c conn
	m.load(&c, i, now)
	var held Holdings
	if c.s != nil {
		held.Sides = 1
		held.BufferBytes = m.heldBytes(c.s)
		held.Holes = c.s.receive.holes.Len()
		held.Blocks = c.s.send.flight.held()
		held.Further = max(held.Blocks-1, 0)
	}
	if err := c.checkNumbers(); err != nil {
		return held, err
	}
	if err := c.checkFlight(&m.flights); err != nil {
		return held, err
	}
	if c.e.Flags&Queued != 0 {
		return held, nil // its turn to send has not come: timers follow then
	}
	return held, c.checkTimers()
}

// Glance is what there is to see of a connection at a glance: whatever changes
// anything that Check looks at, but for a fault within the flight, changes it.
type Glance struct {
	entry conntable.Entry
	extra conntable.Extra
	side  sideGlance
}

// sideGlance is the part of a Glance that a side record has.
type sideGlance struct {
	end, read, start       seq.Number
	first, next            uint32
	sacked, lost, segments int32
	chunks, holes          int
	rto, early             uint32 // ticks
}

// Changed reports whether a connection looks otherwise than g, and has g be as
// it looks now.
func (m *Machine) Changed(i uint32, g *Glance) bool {
	e, x := m.table.At(i), m.table.Extra(i)
	var side sideGlance
	if e.Side != 0 {
		s := &m.sides.records[e.Side-1]
		f := &s.send.flight
		side = sideGlance{
			s.send.end, s.receive.read, f.start, f.first, f.next, f.sacked, f.lost, f.segments,
			s.send.queue.Chunks() + s.receive.queue.Chunks(), s.receive.holes.Len(), s.send.rtoDue, s.send.early.due,
		}
	}
	if g.entry == *e && g.extra == *x && g.side == side {
		return false
	}
	*g = Glance{*e, *x, side}
	return true
}

func (m *Machine) heldBytes(s *Side) int {
	return (s.send.queue.Chunks() + s.receive.queue.Chunks()) * m.chunks.Size()
}

// CheckHoldings compares the sum over all connections with what the pools say
// was taken: a difference is a leak.
func (m *Machine) CheckHoldings(sum Holdings) error {
	for _, b := range m.spent { // given up, and freed by EndTurn
		if s := &m.sides.records[b.side-1]; s.next == ^uint32(0) {
			sum.BufferBytes += m.heldBytes(s)
		}
	}
	taken := Holdings{m.sides.inUse, m.chunks.InUse(), m.holes.Held(), m.flights.inUse(), m.flights.extra}
	if sum != taken {
		return fmt.Errorf("connections hold %+v, but %+v was taken", sum, taken)
	}
	return nil
}

// held is the number of blocks that a flight has.
func (f *flight) held() int {
	if f.first == f.next {
		return 0
	}
	return int((f.next-1)/flightSegments - f.first/flightSegments + 1)
}

// inUse counts the blocks that are not free.
func (p *flightPool) inUse() int {
	count := p.used
	for n := p.free; n != 0; n = p.blocks[n-1].next {
		count--
	}
	return count
}

// checkFlight counts again what a flight says of itself.
func (c *conn) checkFlight(p *flightPool) error {
	if c.s == nil || c.s.send.flight.first == c.s.send.flight.next {
		return nil
	}
	f := &c.s.send.flight
	var sacked, lost, segments int32
	begin := f.start
	for k := f.first; k < f.next; k++ {
		b, bit := f.at(p, k)
		has, gone := b.sacked>>bit&1 != 0, b.lost>>bit&1 != 0
		n := int32(b.end[bit].Since(begin))
		begin = b.end[bit]
		switch {
		case n <= 0:
			return fmt.Errorf("segment %d in flight has %d bytes", k-f.first, n)
		case has && gone:
			return fmt.Errorf("segment %d in flight is lost, and the peer has it", k-f.first)
		case has:
			sacked, segments = sacked+n, segments+1
		case gone:
			lost += n
		}
	}
	if sacked != f.sacked || lost != f.lost || segments != f.segments {
		return fmt.Errorf("in flight %d bytes in %d segments that the peer has and %d lost, counted %d, %d and %d",
			f.sacked, f.segments, f.lost, sacked, segments, lost)
	}
	if f.start != c.e.SndUna || f.last(p) != c.e.SndNxt {
		return fmt.Errorf("the flight is [%d, %d), and SND.UNA %d, SND.NXT %d", f.start, f.last(p), c.e.SndUna, c.e.SndNxt)
	}
	return nil
}

// Assert panics when the numbers of connection i cannot be: to go on would send
// or deliver wrong bytes. It takes some nanoseconds, and is meant for
// production.
func (m *Machine) Assert(i uint32) {
	if e := m.table.At(i); e.Side == 0 && e.SndUna.AtOrBefore(e.SndNxt) && e.RcvEdge.AtOrAfter(e.RcvNxt) {
		return // as nearly always
	}
	var c conn
	m.load(&c, i, 0)
	if err := c.checkNumbers(); err != nil {
		panic(fmt.Errorf("%w: %w", ErrInternal, err))
	}
}

func (c *conn) checkNumbers() error {
	e := c.e
	switch {
	case e.SndUna.After(e.SndNxt):
		return fmt.Errorf("SND.UNA %d is beyond SND.NXT %d", e.SndUna, e.SndNxt)
	case synchronized(e.State) && e.RcvEdge.Before(e.RcvNxt):
		return fmt.Errorf("the window's edge %d lies before RCV.NXT %d", e.RcvEdge, e.RcvNxt)
	case c.s != nil && c.s.receive.read.After(e.RcvNxt):
		return fmt.Errorf("read up to %d, beyond RCV.NXT %d", c.s.receive.read, e.RcvNxt)
	}
	return nil
}

var (
	errIdleRST    = errors.New("a RST is owed and nobody will send it")
	errIdleACK    = errors.New("an ACK is owed at once and nobody will send it")
	errNoAckTimer = errors.New("data is unacknowledged and no delayed ACK is due")
	errNoTimer    = errors.New("the state waits for a timer that is not set")
	errNeedless   = errors.New("the state's timer is set for nothing")
	errNotFirst   = errors.New("the state's timer is not the first of the sender's")
)

// checkTimers: the state's own timer is set when something is due, and only
// then; where it is the sender's, to the first of what is.
func (c *conn) checkTimers() error {
	e := c.e
	switch {
	case e.Flags&sendRST != 0:
		return errIdleRST
	case e.Flags&ackNow != 0:
		return errIdleACK
	case synchronized(e.State) && e.Unacked&unackedMask != 0 && c.x.AckDue == 0:
		return errNoAckTimer
	}
	switch due, needed := e.Due != 0, c.needsTimer(); {
	case needed && !due:
		return fmt.Errorf("%w: state %d, %d in flight, flags %#x", errNoTimer, e.State, e.SndNxt.Since(e.SndUna), e.Flags)
	case due && !needed:
		return fmt.Errorf("%w: state %d, flags %#x", errNeedless, e.State, e.Flags)
	}
	return c.checkSenderTimers()
}

func (c *conn) checkSenderTimers() error {
	e := c.e
	if c.s == nil || !synchronized(e.State) || e.State == conntable.FinWait2 || e.State == conntable.TimeWait {
		return nil // the timer is another one's
	}
	s := &c.s.send
	if first := earlier(s.rtoDue, s.early.due); e.Due != first {
		return fmt.Errorf("%w: set to tick %d, not %d; state %d, early kind %d", errNotFirst, e.Due, first, e.State, s.early.kind)
	}
	return nil
}

// needsTimer: something was sent and not acknowledged, or waits for the peer's
// window, or the state ends by time.
func (c *conn) needsTimer() bool {
	e := c.e
	switch e.State {
	case conntable.SynSent, conntable.SynReceived:
		return e.Flags&fresh == 0
	case conntable.TimeWait:
		return true
	case conntable.FinWait2:
		return e.Flags&noRead != 0
	}
	unsent := c.s != nil && c.s.send.end != c.dataEnd() && !finSent(e.State)
	return e.SndUna != e.SndNxt || unsent || e.Flags&(finQueued|request) != 0
}
