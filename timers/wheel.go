package timers

import (
	"fmt"
	"math/bits"
	"time"
	"unsafe"

	"myriad/internal/ahead"
	"myriad/internal/huge"
)

// Tick is the wheel's resolution.
const Tick = time.Millisecond

// Horizon is the furthest that a deadline may lie ahead of the wheel's time:
// 24.8 days. One that lies further ahead fires then.
const Horizon = (1<<31 - 1) * Tick

// CapacityMax is the largest capacity of a wheel.
const CapacityMax = 1<<31 - 1

// The wheel has four levels of 256 slots, one for each byte of a deadline's
// 32-bit tick. A deadline lies in the level of the highest byte in which it
// differs from the wheel's present tick, in the slot of that byte; when the
// present reaches a slot's first tick the slot is spread over the levels
// below. Those that are due lie in one further slot.
const (
	levelBits = 8
	levelSize = 1 << levelBits
	levelMask = levelSize - 1
	levels    = 4
	dueSlot   = levels * levelSize
)

// spreadMax is the number of deadlines that one Advance moves between levels,
// to bound its time.
const spreadMax = 4096

// node is a connection's place in a slot's list.
type node struct {
	next     uint32 // index + 1 of the next in the slot, 0 = last
	prev     uint32 // index + 1 of the one before, or headFlag | slot; 0 = not armed
	deadline uint32 // tick
}

const headFlag = 1 << 31

// Wheel holds one deadline for each of a number of connections.
type Wheel struct {
	nodes  []node
	heads  [dueSlot + 1]uint32            // index + 1 of a slot's first; 0 = empty
	used   [levels][levelSize / 64]uint64 // a bit for each slot that is not empty
	now    int64                          // present tick: what is due up to it lies in dueSlot
	count  int
	part   int32      // the slot that is being spread, -1 = none
	beside [64]uint32 // what AheadOfNeighbors works on
}

// NewWheel makes a wheel for the indices 0 to capacity-1 that starts at now.
func NewWheel(capacity int, now time.Duration) (*Wheel, error) {
	if capacity < 1 || int64(capacity) > CapacityMax {
		return nil, fmt.Errorf("timers: new wheel: capacity %d is not within 1 to %d", capacity, CapacityMax)
	}
	if now < 0 {
		return nil, fmt.Errorf("timers: new wheel: instant %v lies before the epoch", now)
	}
	return &Wheel{nodes: huge.Make[node](capacity), now: int64(now / Tick), part: -1}, nil
}

// Arm sets the deadline of an index, in place of the one it may have. An
// instant that has passed fires at the next Advance.
func (w *Wheel) Arm(index uint32, at time.Duration) {
	n := &w.nodes[index]
	if n.prev != 0 {
		w.unlink(n)
	} else {
		w.count++
	}
	tick := int64(at / Tick)
	if at%Tick > 0 {
		tick++
	}
	tick = min(tick, w.now+int64(Horizon/Tick))
	if tick <= w.now {
		n.deadline = uint32(w.now)
		w.link(index, dueSlot)
		return
	}
	n.deadline = uint32(tick)
	w.link(index, w.slot(uint32(tick)))
}

// Disarm takes an index's deadline away, if it has one.
func (w *Wheel) Disarm(index uint32) {
	n := &w.nodes[index]
	if n.prev == 0 {
		return
	}
	w.unlink(n)
	n.prev = 0
	w.count--
}

// Ahead has fetched what Arm and Disarm of these indices will read first;
// AheadOfNeighbors, once that has come, the rest. Indices beyond the capacity are
// passed over.
func (w *Wheel) Ahead(indices []uint32) { ahead.Lines(w.nodes, indices) }

// AheadOfNeighbors has fetched what lies beside indices in the lists of slots.
func (w *Wheel) AheadOfNeighbors(indices []uint32) {
	count := 0
	for _, i := range indices {
		if uint64(i) >= uint64(len(w.nodes)) {
			continue
		}
		n := &w.nodes[i]
		if n.next != 0 {
			w.beside[count%len(w.beside)] = n.next - 1
			count++
		}
		if n.prev&headFlag == 0 && n.prev != 0 {
			w.beside[count%len(w.beside)] = n.prev - 1
			count++
		}
	}
	ahead.Lines(w.nodes, w.beside[:min(count, len(w.beside))])
}

// Armed reports whether an index has a deadline.
func (w *Wheel) Armed(index uint32) bool { return w.nodes[index].prev != 0 }

// Deadline returns an index's deadline, rounded up to a tick, or the wheel's
// present for one that had passed when it was armed.
func (w *Wheel) Deadline(index uint32) (time.Duration, bool) {
	n := &w.nodes[index]
	if n.prev == 0 {
		return 0, false
	}
	return time.Duration(w.now+int64(int32(n.deadline-uint32(w.now)))) * Tick, true
}

// Len returns the number of indices that have a deadline.
func (w *Wheel) Len() int { return w.count }

// Bytes returns the memory that the wheel holds when all of it has been used.
func (w *Wheel) Bytes() int {
	return len(w.nodes)*int(unsafe.Sizeof(node{})) + int(unsafe.Sizeof(*w))
}

// Advance moves the wheel's time to now and writes the indices that are due
// into fired, earliest tick first; they are disarmed. n says how many. more
// says that there may be further ones: fired was too short, or the work of one
// call was done, and another Advance goes on. A now that lies before an
// earlier one does not move the wheel back.
func (w *Wheel) Advance(now time.Duration, fired []uint32) (n int, more bool) {
	target, budget := int64(now/Tick), spreadMax
	for {
		n += w.fire(fired[n:])
		if w.heads[dueSlot] != 0 {
			return n, true
		}
		if w.part >= 0 {
			if budget = w.spread(budget); w.part >= 0 {
				return n, true
			}
			continue
		}
		at, slot := w.following()
		if slot < 0 || at > target {
			w.now = max(w.now, target)
			return n, false
		}
		w.now = at
		w.reach(slot)
	}
}

// Next returns an instant before which Advance fires nothing; it is the
// earliest deadline itself when that is less than 256 ms away, and never later
// than it. ok is false when there are no deadlines.
func (w *Wheel) Next() (at time.Duration, ok bool) {
	if w.count == 0 {
		return 0, false
	}
	if w.heads[dueSlot] != 0 || w.part >= 0 {
		return time.Duration(w.now) * Tick, true
	}
	tick, _ := w.following()
	return time.Duration(tick) * Tick, true
}

// fire moves what is due into fired.
func (w *Wheel) fire(fired []uint32) (n int) {
	head := w.heads[dueSlot]
	for head != 0 && n < len(fired) {
		fired[n] = head - 1
		n++
		d := &w.nodes[head-1]
		head = d.next
		d.prev = 0
	}
	w.heads[dueSlot] = head
	if head != 0 {
		w.nodes[head-1].prev = headFlag | dueSlot
	}
	w.count -= n
	return n
}

// following returns the tick at which the first slot that is not empty begins,
// and the slot; -1 when all are empty.
func (w *Wheel) following() (at int64, slot int32) {
	now := uint32(w.now)
	for level := range levels {
		shift := level * levelBits
		present := now >> shift & levelMask
		s := firstFrom(&w.used[level], present)
		if s < 0 {
			continue
		}
		// How far the slot's first tick lies ahead, in the circle of 2³².
		ahead := (uint32(s)-present)<<shift - now&(1<<shift-1)
		return w.now + int64(ahead), int32(level*levelSize + s)
	}
	return 0, -1
}

// firstFrom returns the first bit set at or after start, going round; -1 when
// there is none.
func firstFrom(set *[levelSize / 64]uint64, start uint32) int {
	word := int(start / 64)
	if rest := set[word] >> (start % 64); rest != 0 {
		return int(start) + bits.TrailingZeros64(rest)
	}
	for i := 1; i <= len(set); i++ {
		at := (word + i) % len(set)
		if set[at] != 0 {
			return at*64 + bits.TrailingZeros64(set[at])
		}
	}
	return -1
}

// reach takes in a slot whose first tick is the present: one of level 0 is due
// as a whole, another is to be spread.
func (w *Wheel) reach(slot int32) {
	if slot >= levelSize {
		w.part = slot
		return
	}
	head := w.heads[slot]
	w.heads[slot] = 0
	w.mark(uint32(slot), false)
	w.heads[dueSlot] = head // empty until now
	w.nodes[head-1].prev = headFlag | dueSlot
}

// spread moves up to budget deadlines of the slot w.part down, and returns
// what is left of the budget.
func (w *Wheel) spread(budget int) int {
	slot := uint32(w.part)
	for ; budget > 0; budget-- {
		head := w.heads[slot]
		if head == 0 {
			break
		}
		n := &w.nodes[head-1]
		w.unlink(n)
		if n.deadline == uint32(w.now) {
			w.link(head-1, dueSlot)
		} else {
			w.link(head-1, w.slot(n.deadline))
		}
	}
	if w.heads[slot] == 0 {
		w.part = -1
	}
	return budget
}

// slot returns where a deadline other than the present belongs.
func (w *Wheel) slot(deadline uint32) uint32 {
	level := uint32(bits.Len32(deadline^uint32(w.now))-1) / levelBits
	return level*levelSize + deadline>>(level*levelBits)&levelMask
}

// link puts an index first into a slot.
func (w *Wheel) link(index, slot uint32) {
	n := &w.nodes[index]
	n.next, n.prev = w.heads[slot], headFlag|slot
	if n.next != 0 {
		w.nodes[n.next-1].prev = index + 1
	} else {
		w.mark(slot, true)
	}
	w.heads[slot] = index + 1
}

// unlink takes a node out of its slot. It still looks armed.
func (w *Wheel) unlink(n *node) {
	if n.next != 0 {
		w.nodes[n.next-1].prev = n.prev
	}
	if n.prev&headFlag == 0 {
		w.nodes[n.prev-1].next = n.next
		return
	}
	slot := n.prev &^ headFlag
	w.heads[slot] = n.next
	if n.next == 0 {
		w.mark(slot, false)
	}
}

// mark keeps the bit that says whether a slot is empty.
func (w *Wheel) mark(slot uint32, used bool) {
	if slot == dueSlot {
		return
	}
	word, bit := &w.used[slot/levelSize][slot%levelSize/64], uint64(1)<<(slot%64)
	if used {
		*word |= bit
	} else {
		*word &^= bit
	}
}
