package relay

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// Impairment says what becomes of the frames of one way. The zero value passes
// everything on at once.
type Impairment struct {
	// Delay is how long every frame takes.
	Delay time.Duration
	// Of 1,000 TCP frames, so many are lost, come twice (the second time after
	// Late), or are held back by Late.
	Lose, Duplicate, Reorder int
	Late                     time.Duration
}

// Fates count what became of the frames of one way.
type Fates struct {
	Passed     uint64 // copies included
	Lost       uint64
	Duplicated uint64
	Reordered  uint64
	Overflowed uint64 // too many were waiting
}

// waitingMax is how many frames may wait in one way.
const waitingMax = 100_000

// line is what waits in one way, by the instant at which it is due.
type line struct {
	frames frameHeap
	count  uint64
	random *rand.Rand
}

// waiting is one frame on its way; of those due at one instant the first to
// arrive leaves first.
type waiting struct {
	due    time.Duration
	number uint64
	data   []byte
}

// take decides what becomes of a frame that arrived at an instant; data is
// copied.
func (l *line) take(data []byte, at time.Duration, i *Impairment, f *Fates) {
	at += i.Delay
	if !isTCP(data) {
		l.add(data, at, f)
		return
	}
	if l.chance(i.Lose) {
		f.Lost++
		return
	}
	if l.chance(i.Duplicate) {
		f.Duplicated++
		l.add(data, at+i.Late, f)
	}
	if l.chance(i.Reorder) {
		f.Reordered++
		at += i.Late
	}
	l.add(data, at, f)
}

func (l *line) chance(perMille int) bool { return perMille > 0 && l.random.IntN(1000) < perMille }

func (l *line) add(data []byte, due time.Duration, f *Fates) {
	if len(l.frames) == waitingMax {
		f.Overflowed++
		return
	}
	l.count++
	heap.Push(&l.frames, waiting{due, l.count, append([]byte(nil), data...)})
}

// next returns when the first frame is due.
func (l *line) next() (due time.Duration, ok bool) {
	if len(l.frames) == 0 {
		return 0, false
	}
	return l.frames[0].due, true
}

// first returns the first frame if it is due by now.
func (l *line) first(now time.Duration) []byte {
	if due, ok := l.next(); !ok || due > now {
		return nil
	}
	return l.frames[0].data
}

// leave takes the first frame out.
func (l *line) leave() { heap.Pop(&l.frames) }

// isTCP tells TCP over IPv4 over Ethernet.
func isTCP(frame []byte) bool {
	return len(frame) >= 34 && frame[12] == 0x08 && frame[13] == 0x00 && frame[23] == 6
}

type frameHeap []waiting

func (h frameHeap) Len() int      { return len(h) }
func (h frameHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *frameHeap) Push(x any)   { *h = append(*h, x.(waiting)) }

func (h frameHeap) Less(i, j int) bool {
	if h[i].due != h[j].due {
		return h[i].due < h[j].due
	}
	return h[i].number < h[j].number
}

func (h *frameHeap) Pop() any {
	last := len(*h) - 1
	w := (*h)[last]
	(*h)[last] = waiting{}
	*h = (*h)[:last]
	return w
}
