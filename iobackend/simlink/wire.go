package simlink

import (
	"math/bits"
	"math/rand/v2"
	"time"
)

// Fates are totals of what became of the frames of one direction, from the end
// that sends. Every frame handed to the link, plus Duplicated, and with more
// than two ends plus Flooded, is in flight or in one of the others, so nothing
// is lost without a name.
type Fates struct {
	Sent       uint64 // frames handed to the link, by Transmit or Inject
	Refused    uint64 // too large or too small
	Filtered   uint64 // the filter said no
	Cut        uint64 // no carrier, when sent or when it would have arrived
	TailDrop   uint64 // the queue in front of RateBPS was full
	Lost       uint64 // Loss
	NoReceiver uint64 // the other end is closed or gone
	NoBuffer   uint64 // the other end had no receive frame free
	Delivered  uint64 // reached the other end's queue or OnFrame
	Duplicated uint64 // copies made by Duplicate
	Flooded    uint64 // further copies made because several ends were addressed
	// These went on to one of the above.
	Reordered, Corrupted uint64
}

// wire is what one end sends through; the clock's lock guards it.
type wire struct {
	impairments Impairments
	shaper      shaper
	paths       []path // by receiving end
	fates       Fates
}

// path is the way from one end to another.
type path struct {
	rng  *rand.Rand
	last time.Duration // arrival of the newest frame that keeps the order
}

// send takes a frame that passed tap and filter; the lock is held.
func (e *End) send(data []byte) {
	w := &e.wire
	now := e.link.clock.Now()
	if !e.up {
		w.fates.Cut++
		return
	}
	depart, ok := w.shaper.enqueue(now, len(data), &w.impairments)
	if !ok {
		w.fates.TailDrop++
		return
	}
	copies := 0
	for _, to := range e.link.ends {
		if to != e && e.link.addressed(to, data) {
			e.propagate(to, data, depart)
			copies++
		}
	}
	if copies == 0 {
		w.fates.NoReceiver++
	} else {
		w.fates.Flooded += uint64(copies - 1)
	}
}

// propagate draws the fate of one copy. It draws the same number of times
// whatever the probabilities are, so that changing one leaves the other
// choices as they were.
func (e *End) propagate(to *End, data []byte, depart time.Duration) {
	w, m, p := &e.wire, &e.wire.impairments, &e.wire.paths[to.index]
	lost := p.rng.Float64() < m.Loss
	reorder := p.rng.Float64() < m.Reorder
	duplicate := p.rng.Float64() < m.Duplicate
	corrupt := p.rng.Float64() < m.Corrupt
	jitter := time.Duration(p.rng.Float64() * float64(m.Jitter))
	bitSeed := p.rng.Uint64()
	if lost {
		w.fates.Lost++
		return
	}
	at := depart + m.Delay + jitter
	switch {
	case reorder && m.ReorderDelay == 0:
		at += reorderDelayDefault
	case reorder:
		at += m.ReorderDelay
	default:
		at = max(at, p.last)
		p.last = at
	}
	if reorder {
		w.fates.Reordered++
	}
	c := e.link.clock
	arrival := event{at: at, to: to, from: e, data: c.copyOf(data), spoilt: corrupt}
	if corrupt {
		w.fates.Corrupted++
		flipBits(arrival.data, max(m.CorruptBits, 1), bitSeed)
	}
	if duplicate {
		w.fates.Duplicated++
		twin := arrival
		twin.data = c.copyOf(arrival.data)
		c.schedule(arrival)
		c.schedule(twin)
		return
	}
	c.schedule(arrival)
}

// flipBits flips count bits, each another one, as long as there are enough.
func flipBits(data []byte, count int, seed uint64) {
	rng := rand.NewPCG(seed, 0)
	total := uint64(len(data)) * 8
	chosen := make([]uint64, 0, 8)
draw:
	for len(chosen) < count && uint64(len(chosen)) < total {
		bit, _ := bits.Mul64(rng.Uint64(), total)
		for _, c := range chosen {
			if c == bit {
				continue draw
			}
		}
		chosen = append(chosen, bit)
		data[bit/8] ^= 1 << (bit % 8)
	}
}

// shaper is a queue in front of a wire of limited rate.
type shaper struct {
	free    time.Duration // when the wire has sent what is queued
	waiting []departure   // oldest first, from head on
	head    int
	bytes   int
}

type departure struct {
	at    time.Duration
	bytes int
}

// enqueue tells when the last bit of a frame will have left; ok is false when
// the queue has no room.
func (s *shaper) enqueue(now time.Duration, size int, m *Impairments) (at time.Duration, ok bool) {
	if m.RateBPS == 0 {
		return max(now, s.free), true // what was queued at a rate goes first
	}
	for s.head < len(s.waiting) && s.waiting[s.head].at <= now {
		s.bytes -= s.waiting[s.head].bytes
		s.head++
	}
	if s.head == len(s.waiting) {
		s.waiting, s.head = s.waiting[:0], 0
	} else if s.head > 1024 {
		s.waiting = s.waiting[:copy(s.waiting, s.waiting[s.head:])]
		s.head = 0
	}
	frames := m.QueueFrames
	if frames == 0 && m.QueueBytes == 0 {
		frames = queueFramesDefault
	}
	if frames > 0 && len(s.waiting)-s.head >= frames ||
		m.QueueBytes > 0 && s.bytes+size > m.QueueBytes {
		return 0, false
	}
	at = max(now, s.free) + serialisation(size, m.RateBPS)
	s.free = at
	s.bytes += size
	s.waiting = append(s.waiting, departure{at, size})
	return at, true
}

// serialisation is how long size bytes take at a rate, in whole nanoseconds.
func serialisation(size int, rateBPS uint64) time.Duration {
	hi, lo := bits.Mul64(uint64(size)*8, uint64(time.Second))
	if hi >= rateBPS {
		return forever
	}
	ns, _ := bits.Div64(hi, lo, rateBPS)
	return time.Duration(min(ns, uint64(forever)))
}
