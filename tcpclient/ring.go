package tcpclient

// ring is a first-in, first-out queue of words that grows to the most it ever
// held.
type ring struct {
	words []uint64 // a power of two of them, or none
	head  uint32
	count uint32
}

func (r *ring) len() int { return int(r.count) }

func (r *ring) push(word uint64) {
	if int(r.count) == len(r.words) {
		r.grow()
	}
	r.words[(r.head+r.count)&uint32(len(r.words)-1)] = word
	r.count++
}

func (r *ring) peek() uint64 { return r.words[r.head] }

func (r *ring) pop() uint64 {
	word := r.words[r.head]
	r.head = (r.head + 1) & uint32(len(r.words)-1)
	r.count--
	return word
}

func (r *ring) grow() {
	words := make([]uint64, max(2*len(r.words), 64))
	n := copy(words, r.words[r.head:])
	copy(words[n:], r.words[:r.head])
	r.words, r.head = words, 0
}
