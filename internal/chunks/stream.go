package chunks

import (
	"errors"

	"myriad/internal/seq"
)

// WindowMax is the widest window of a stream: the largest that TCP knows (RFC
// 7323 §2.3). It bounds the list of chunks too.
const WindowMax = 1 << 30

// ringKept is the longest list of chunks that Free leaves to the stream for
// its next use, 256 bytes.
const ringKept = 64

// ErrOutside means that bytes lie below the stream's base, or more than
// WindowMax above it.
var ErrOutside = errors.New("chunks: bytes lie outside the window")

// Stream is a window of bytes. The zero value begins at sequence number 0.
type Stream struct {
	// ring lists the chunks in order, id + 1 each, 0 for one that no byte has
	// needed; its length is a power of two. The chunk at ring[head] begins at
	// origin.
	ring   []uint32
	head   uint32
	span   uint32 // places of the ring up to the last that has a chunk
	chunks uint32
	origin seq.Number
	base   seq.Number // bytes below are gone; origin ≤ base < origin + Pool.Size
}

// Reset sets the sequence number of the first byte. The stream must be new or
// Free.
func (s *Stream) Reset(base seq.Number) {
	s.head, s.span, s.origin, s.base = 0, 0, base, base
}

// Chunks returns the number of chunks that the stream holds.
func (s *Stream) Chunks() int { return int(s.chunks) }

// Base returns the sequence number below which everything was discarded.
func (s *Stream) Base() seq.Number { return s.base }

// WriteAt stores all of data at a sequence number, or nothing and returns
// ErrFull or ErrOutside.
//
// A stream may hold as much as is left free, and no more: n greedy ones leave
// at least one part in n+1 of the pool to others, who therefore always find
// room (the dynamic thresholds of Choudhury and Hahne, 1998, which
// shared-memory switches use).
func (s *Stream) WriteAt(p *Pool, at seq.Number, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if at.Before(s.base) || len(data) > WindowMax || at.Since(s.base) > WindowMax-len(data) {
		return ErrOutside
	}
	offset := uint32(at - s.origin)
	first, last := offset>>p.shift, (offset+uint32(len(data))-1)>>p.shift
	if more := s.missing(first, last); more > 0 && s.chunks+more > p.available() {
		return ErrFull
	}
	s.reach(last)
	within := p.within(offset)
	for place := first; place <= last; place++ {
		slot := s.place(place)
		if *slot == 0 {
			*slot = p.take() + 1
			s.chunks++
		}
		data = data[copy(p.bytes(*slot - 1)[within:], data):]
		within = 0
	}
	return nil
}

// Peek returns stored bytes from a sequence number on: at most max, and at
// most to the end of one chunk, so a caller loops. It returns nil when there
// is no chunk for the byte. Whether the bytes have been written is for the
// caller to know.
func (s *Stream) Peek(p *Pool, at seq.Number, max int) []byte {
	if at.Before(s.base) || max <= 0 {
		return nil
	}
	offset := uint32(at - s.origin)
	if offset>>p.shift >= s.span {
		return nil
	}
	id := *s.place(offset >> p.shift)
	if id == 0 {
		return nil
	}
	stored := p.bytes(id - 1)[p.within(offset):]
	return stored[:min(max, len(stored))]
}

// Discard gives up all bytes below a sequence number, which becomes the base,
// and gives back the chunks that lie below it as a whole. One behind the base
// changes nothing.
func (s *Stream) Discard(p *Pool, upTo seq.Number) {
	if upTo.AtOrBefore(s.base) {
		return
	}
	passed := uint32(upTo-s.origin) >> p.shift
	for range min(passed, s.span) {
		s.drop(p, s.place(0))
		s.head++
		s.span--
	}
	s.origin += seq.Number(passed << p.shift)
	s.base = upTo
}

// Free gives back all chunks. Reset makes the stream usable again.
func (s *Stream) Free(p *Pool) {
	for i := range s.span {
		s.drop(p, s.place(i))
	}
	ring := s.ring
	if len(ring) > ringKept {
		ring = nil
	}
	*s = Stream{ring: ring}
}

// drop gives back the chunk of a place, if it has one.
func (s *Stream) drop(p *Pool, slot *uint32) {
	if *slot != 0 {
		p.giveBack(*slot - 1)
		*slot = 0
		s.chunks--
	}
}

// place returns the ring's element for a place counted from origin. All those
// from span on are 0.
func (s *Stream) place(place uint32) *uint32 {
	return &s.ring[(s.head+place)&uint32(len(s.ring)-1)]
}

// missing counts the places from first to last that have no chunk.
func (s *Stream) missing(first, last uint32) uint32 {
	missing := last + 1 - first
	for place := first; place <= last && place < s.span; place++ {
		if *s.place(place) != 0 {
			missing--
		}
	}
	return missing
}

// reach makes the ring long enough for a place.
func (s *Stream) reach(place uint32) {
	if place < s.span {
		return
	}
	if int(place) >= len(s.ring) {
		length := max(8, len(s.ring))
		for length <= int(place) {
			length *= 2
		}
		ring := make([]uint32, length)
		for i := range s.span {
			ring[i] = *s.place(i)
		}
		s.ring, s.head = ring, 0
	}
	s.span = place + 1
}
