package afxdp

import "sync/atomic"

// spsc is a ring of words from one goroutine to one other. The size is a
// power of two.
//
// Words from head to tail belong to the consumer, the rest to the producer;
// staged ones, from tail to next, are the producer's until published.
type spsc struct {
	words []uint64
	_     [64 - 24]byte
	// Written by the producer.
	tail       atomic.Uint32
	next       uint32
	cachedHead uint32
	_          [64 - 12]byte
	// Written by the consumer.
	head       atomic.Uint32
	taken      uint32
	cachedTail uint32
	_          [64 - 12]byte
}

func newSPSC(size int) *spsc { return &spsc{words: make([]uint64, size)} }

// room reports whether n words can be staged.
func (r *spsc) room(n uint32) bool {
	size := uint32(len(r.words))
	if size-(r.next-r.cachedHead) >= n {
		return true
	}
	r.cachedHead = r.head.Load()
	return size-(r.next-r.cachedHead) >= n
}

// stage puts a word in; there must be room.
func (r *spsc) stage(w uint64) {
	r.words[r.next&uint32(len(r.words)-1)] = w
	r.next++
}

// publish gives the staged words to the consumer, and reports whether there are
// any. Each time that the consumer looks in between, its cache line has to come
// back: publish many together.
func (r *spsc) publish() bool {
	if r.tail.Load() == r.next {
		return false
	}
	r.tail.Store(r.next)
	return true
}

// waiting returns the number of published words that were not taken.
func (r *spsc) waiting() uint32 {
	r.cachedTail = r.tail.Load()
	return r.cachedTail - r.taken
}

// take returns the next word; waiting must have said that there is one.
func (r *spsc) take() uint64 {
	w := r.words[r.taken&uint32(len(r.words)-1)]
	r.taken++
	return w
}

// done gives the taken words' room back to the producer.
func (r *spsc) done() {
	if r.head.Load() != r.taken {
		r.head.Store(r.taken)
	}
}

// Handed-over frames travel as address·2^16 + more·2^15 + length.
const (
	handLengthMax = 1<<15 - 1
	handMore      = 1 << 15
	handShift     = 16
)
