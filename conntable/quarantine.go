package conntable

import (
	"fmt"
	"time"
	"unsafe"

	"myriad/internal/huge"
)

// restTicks is the number of coarse ticks in a rest; a rest is at most one
// tick too long. Ages are told apart up to ageMax ticks, and each bucket is
// swept once in sweepTicks, so that no slot grows old enough to look young.
const (
	restTicks  = 64
	sweepTicks = 128
	ageMask    = 0xff
)

// meanResting is the number of resting tuples per bucket of 16 for which the
// size is reckoned: at 6, one tuple in 2,000 finds its bucket full (the tail
// of the Poisson distribution), for 10.7 bytes each.
const meanResting = 6

// resters is one cache line: a slot is 24 bits of a tuple's hash, never 0,
// above the 8 low bits of the tick in which its rest began; 0 is empty. The
// youngest comes first.
type resters struct{ slots [16]uint32 }

var _ [64]byte = [unsafe.Sizeof(resters{})]byte{}

// Quarantine remembers which 4-tuples closed a moment ago, by their hashes. It
// may take a tuple for resting that only shares 24 bits and a bucket with one
// that does (one in a million), which costs the allocator another probe.
type Quarantine struct {
	buckets []resters
	rest    time.Duration
	tick    time.Duration // length of a tick

	now       int64         // the present tick
	nowEnds   time.Duration // when it ends
	swept     int           // the bucket that is swept next
	shortened uint64
	scratch   [Together]uint32
}

// NewQuarantine makes a quarantine that holds about capacity tuples for rest
// each: connections closed per second times the rest in seconds. With a rest
// of 0 nothing rests and nothing is kept.
func NewQuarantine(capacity int, rest time.Duration) (*Quarantine, error) {
	if rest < 0 || rest > RestMax {
		return nil, fmt.Errorf("conntable: new quarantine: rest %v is not within 0 to %v", rest, RestMax)
	}
	if capacity < 1 || capacity > CapacityMax {
		return nil, fmt.Errorf("conntable: new quarantine: capacity %d is not within 1 to %d", capacity, CapacityMax)
	}
	q := &Quarantine{rest: rest}
	if rest > 0 {
		q.buckets = huge.Make[resters]((capacity + meanResting - 1) / meanResting)
		q.tick = (rest + restTicks - 1) / restTicks
		q.nowEnds = q.tick
	}
	return q, nil
}

// RestMax is the longest rest.
const RestMax = time.Hour

// Add begins the rest of the tuple with this hash (Table.Hash). When there is
// no room, the rest nearest to its end is cut short and counted.
func (q *Quarantine) Add(hash uint64, now time.Duration) {
	if q.rest == 0 {
		return
	}
	q.turn(now)
	b, print := q.locate(hash)
	const last = len(b.slots) - 1
	if oldest := b.slots[last]; oldest != 0 && q.age(oldest) <= restTicks {
		q.shortened++
	}
	older := [last]uint32(b.slots[:last])
	*(*[last]uint32)(b.slots[1:]) = older
	b.slots[0] = print<<8 | uint32(q.now)&ageMask
}

// Resting reports whether the tuple with this hash still rests.
func (q *Quarantine) Resting(hash uint64, now time.Duration) bool {
	if q.rest == 0 {
		return false
	}
	q.turn(now)
	b, print := q.locate(hash)
	// One test for all 16 slots: hit has a slot's top bit if that has the print.
	want, hit := uint64(print)<<40|uint64(print)<<8, uint64(0)
	for i := 0; i < len(b.slots); i += 2 {
		two := uint64(b.slots[i+1])<<32 | uint64(b.slots[i])
		two = (two ^ want) >> 8 & 0x00ffffff_00ffffff
		hit |= two - 0x00000001_00000001
	}
	return hit&(1<<63|1<<31) != 0 && q.rests(b, print)
}

// rests looks at the age of the slots that have a print.
func (q *Quarantine) rests(b *resters, print uint32) bool {
	for _, slot := range &b.slots {
		if slot>>8 == print && q.age(slot) <= restTicks {
			return true
		}
	}
	return false
}

// Shortened counts the tuples that did not rest as long as they should have.
func (q *Quarantine) Shortened() uint64 { return q.shortened }

// Rest returns how long a tuple rests.
func (q *Quarantine) Rest() time.Duration { return q.rest }

// Bytes returns the memory that the quarantine holds.
func (q *Quarantine) Bytes() int {
	return len(q.buckets)*int(unsafe.Sizeof(resters{})) + int(unsafe.Sizeof(*q))
}

// locate returns a hash's bucket and its fingerprint. The table's index takes
// the high bits of the hash for its buckets and so does this: entries of a
// bucket are no likelier to meet here, as the fingerprint is from other bits.
func (q *Quarantine) locate(hash uint64) (*resters, uint32) {
	print := uint32(hash) & (1<<24 - 1)
	if print == 0 {
		print = 1
	}
	return &q.buckets[q.home(hash)], print
}

// home is the bucket of a hash.
func (q *Quarantine) home(hash uint64) uint32 { return share(hash, len(q.buckets)) }

// age is the number of ticks since a slot's tuple began to rest.
func (q *Quarantine) age(slot uint32) int {
	return int(uint8(uint32(q.now) - slot))
}

// turn moves the present tick up to now, and sweeps the share of the buckets
// that is due since. Time that stands still or goes back changes nothing.
func (q *Quarantine) turn(now time.Duration) {
	if now < q.nowEnds {
		return
	}
	tick := int64(now / q.tick)
	passed := tick - q.now
	if passed >= sweepTicks {
		// Longer than any rest, and too long for the sweep to keep up.
		clear(q.buckets)
	} else {
		q.sweep(int(passed), tick)
	}
	q.now = tick
	q.nowEnds = time.Duration(tick+1) * q.tick
}

// sweep empties slots whose rest is over at a tick, in the share of the
// buckets due after a number of ticks.
func (q *Quarantine) sweep(ticks int, tick int64) {
	share := (len(q.buckets)*ticks + sweepTicks - 1) / sweepTicks
	for range share {
		b := &q.buckets[q.swept]
		for i, slot := range &b.slots {
			if slot != 0 && uint8(uint32(tick)-slot) > restTicks {
				b.slots[i] = 0
			}
		}
		if q.swept++; q.swept == len(q.buckets) {
			q.swept = 0
		}
	}
}
