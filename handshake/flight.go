package handshake

import (
	"math/bits"
	"unsafe"

	"myriad/internal/seq"
)

// flightSegments is the number of segments that one block describes.
const flightSegments = 32

// flightBlock describes segments that were sent and not acknowledged, in the
// order of their numbers. A segment begins where the one before it ends.
type flightBlock struct {
	sacked uint32                     // the peer has it
	lost   uint32                     // it is to be sent again
	resent uint32                     // it was sent more than once
	next   uint32                     // free list, +1
	end    [flightSegments]seq.Number // after its last byte, or its FIN
	sent   [flightSegments]uint32     // when it was sent last, µs of the worker's clock
}

// flightPool is a bounded store of blocks. Each side record can have one; what
// long flights need beyond comes out of extra.
type flightPool struct {
	blocks []flightBlock
	used   int    // blocks[used:] were never handed out
	free   uint32 // of those before, + 1
	extra  int    // blocks in use that are not a flight's only one
	most   int    // bound of extra
}

func newFlightPool(sides, extra int) flightPool {
	return flightPool{blocks: make([]flightBlock, sides+extra), most: extra}
}

// FlightBytes is the memory that flights may come to use, for Config's Sides
// and BufferMemory.
func FlightBytes(sides, bufferMemory int) int64 {
	return int64(sides+flightExtra(bufferMemory)) * int64(unsafe.Sizeof(flightBlock{}))
}

// flightExtra is the number of blocks that all buffers together fill with
// segments of the size that every path takes.
func flightExtra(bufferMemory int) int { return bufferMemory / (flightSegments * mssDefault) }

// take returns a block's number + 1; 0 when the bound on further ones is met.
func (p *flightPool) take(further bool) uint32 {
	if further {
		if p.extra == p.most {
			return 0
		}
		p.extra++
	}
	n := p.free
	if n != 0 {
		p.free = p.blocks[n-1].next
	} else {
		p.used++
		n = uint32(p.used)
	}
	b := &p.blocks[n-1]
	b.sacked, b.lost, b.resent = 0, 0, 0
	return n
}

// give takes a block back; others says that its flight has more of them.
func (p *flightPool) give(n uint32, others bool) {
	if others {
		p.extra--
	}
	p.blocks[n-1].next = p.free
	p.free = n
}

// flight is what one sender has in flight, segment by segment: [start, SndNxt).
// Segments are numbered in the order in which they were first sent.
type flight struct {
	blocks      []uint32 // ring of block numbers + 1, at segment / flightSegments
	first, next uint32   // the oldest segment, and the next one's number
	start       seq.Number
	hint        uint32 // no segment before it is lost
	sacked      int32  // bytes that the peer has
	lost        int32  // bytes to be sent again
	segments    int32  // that the peer has
}

// reset forgets everything; the next segment begins at start.
func (f *flight) reset(p *flightPool, start seq.Number) {
	for f.first < f.next {
		f.first = min(f.first|(flightSegments-1), f.next-1)
		f.drop(p)
	}
	f.start, f.sacked, f.lost, f.segments = start, 0, 0, 0
}

// drop forgets the number of the first segment, and its block with the last
// one in it.
func (f *flight) drop(p *flightPool) {
	at := f.first / flightSegments & uint32(len(f.blocks)-1)
	f.first++
	if f.first%flightSegments == 0 || f.first == f.next {
		p.give(f.blocks[at], f.first != f.next)
	}
	if f.first == f.next {
		f.first, f.next, f.hint = 0, 0, 0 // so that short flights need one block
	}
}

// at returns segment k's block and its bit in it.
func (f *flight) at(p *flightPool, k uint32) (b *flightBlock, bit uint32) {
	n := f.blocks[k/flightSegments&uint32(len(f.blocks)-1)]
	return &p.blocks[n-1], k % flightSegments
}

func (f *flight) end(p *flightPool, k uint32) seq.Number {
	b, bit := f.at(p, k)
	return b.end[bit]
}

// begin is where segment k begins.
func (f *flight) begin(p *flightPool, k uint32) seq.Number {
	if k == f.first {
		return f.start
	}
	return f.end(p, k-1)
}

func (f *flight) length(p *flightPool, k uint32) int32 {
	return int32(f.end(p, k).Since(f.begin(p, k)))
}

// last is the number after the last byte of all.
func (f *flight) last(p *flightPool) seq.Number {
	if f.first == f.next {
		return f.start
	}
	return f.end(p, f.next-1)
}

// add appends a segment. When there is no block for it, it becomes part of the
// one before: what is lost of that is sent again as a whole, which costs only
// bandwidth. It reports whether it did not have to.
func (f *flight) add(p *flightPool, end seq.Number, sent uint32) bool {
	if f.next%flightSegments == 0 && !f.room(p) {
		f.lengthen(p, end, sent)
		return false
	}
	f.next++
	b, bit := f.at(p, f.next-1)
	b.end[bit], b.sent[bit] = end, sent
	return true
}

// room gets a block for segment f.next.
func (f *flight) room(p *flightPool) bool {
	if f.first >= 1<<31 {
		// A flight that was never empty for that long: the numbers go back, by
		// a multiple of the ring's length, so that places stay.
		back := f.first &^ (uint32(len(f.blocks))*flightSegments - 1)
		f.first, f.next, f.hint = f.first-back, f.next-back, max(f.hint, back)-back
	}
	n := p.take(f.first != f.next)
	if n == 0 {
		return false
	}
	if used := f.next/flightSegments - f.first/flightSegments; int(used) >= len(f.blocks) {
		f.grow(used)
	}
	f.blocks[f.next/flightSegments&uint32(len(f.blocks)-1)] = n
	return true
}

// lengthen makes more bytes part of the last segment.
func (f *flight) lengthen(p *flightPool, end seq.Number, sent uint32) {
	k := f.next - 1
	b, bit := f.at(p, k)
	switch {
	case b.sacked>>bit&1 != 0:
		b.sacked &^= 1 << bit // only a part of it is there now
		f.sacked -= f.length(p, k)
		f.segments--
	case b.lost>>bit&1 != 0:
		f.lost += int32(end.Since(b.end[bit]))
	}
	b.end[bit], b.sent[bit] = end, sent
}

// grow doubles the ring of blocks; its numbers move to their new places.
func (f *flight) grow(used uint32) {
	old := f.blocks
	f.blocks = make([]uint32, max(2*len(old), 1))
	at := f.first / flightSegments
	for k := at; k < at+used; k++ {
		f.blocks[k&uint32(len(f.blocks)-1)] = old[k&uint32(len(old)-1)]
	}
}

// find returns the number of the segment that holds at; f.next when none does.
func (f *flight) find(p *flightPool, at seq.Number) uint32 {
	low, high := f.first, f.next
	for low < high {
		middle := low + (high-low)/2
		if f.end(p, middle).After(at) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// span is a walk over those segments [from, to) that lie in one block.
type span struct {
	b    *flightBlock
	base uint32 // number of the block's first segment
	mask uint32 // the segments meant
}

// span returns the part of [k, to) that lies in k's block.
func (f *flight) span(p *flightPool, k, to uint32) (s span, next uint32) {
	b, bit := f.at(p, k)
	base := k - bit
	next = min(base+flightSegments, to)
	mask := ^uint32(0) << bit
	if count := next - base; count < flightSegments {
		mask &= 1<<count - 1
	}
	return span{b, base, mask}, next
}

// markLost says that segment k is to be sent again.
func (f *flight) markLost(p *flightPool, k uint32) {
	b, bit := f.at(p, k)
	if (b.lost|b.sacked)>>bit&1 != 0 {
		return
	}
	b.lost |= 1 << bit
	f.lost += f.length(p, k)
	f.hint = min(f.hint, k)
}

// isLost: segment k is there, and is to be sent again.
func (f *flight) isLost(p *flightPool, k uint32) bool {
	if k >= f.next {
		return false
	}
	b, bit := f.at(p, k)
	return b.lost>>bit&1 != 0
}

// nextLost returns the first segment to be sent again, false when there is
// none.
func (f *flight) nextLost(p *flightPool) (uint32, bool) {
	if f.lost == 0 {
		return 0, false
	}
	for k := max(f.hint, f.first); k < f.next; {
		s, next := f.span(p, k, f.next)
		if lost := s.b.lost & s.mask; lost != 0 {
			f.hint = s.base + uint32(bits.TrailingZeros32(lost))
			return f.hint, true
		}
		k = next
	}
	return 0, false
}

// sentAgain says that segment k has left once more.
func (f *flight) sentAgain(p *flightPool, k, now uint32) {
	b, bit := f.at(p, k)
	if b.lost>>bit&1 != 0 {
		b.lost &^= 1 << bit
		f.lost -= f.length(p, k)
	}
	b.resent |= 1 << bit
	b.sent[bit] = now
}

// markSACKed says that the peer has segment k.
func (f *flight) markSACKed(p *flightPool, k uint32) {
	b, bit := f.at(p, k)
	size := f.length(p, k)
	if b.lost>>bit&1 != 0 {
		b.lost &^= 1 << bit
		f.lost -= size
	}
	b.sacked |= 1 << bit
	f.sacked += size
	f.segments++
}

// pop forgets the first segment, which is acknowledged.
func (f *flight) pop(p *flightPool) {
	f.shorten(p, f.end(p, f.first))
	if b, bit := f.at(p, f.first); b.sacked>>bit&1 != 0 {
		f.segments--
	}
	f.drop(p)
}

// shorten moves the beginning of the first segment.
func (f *flight) shorten(p *flightPool, start seq.Number) {
	b, bit := f.at(p, f.first)
	cut := int32(start.Since(f.start))
	switch {
	case b.sacked>>bit&1 != 0:
		f.sacked -= cut
	case b.lost>>bit&1 != 0:
		f.lost -= cut
	}
	f.start = start
}

// loseAll marks all that the peer does not have; renege forgets what it said
// to have.
func (f *flight) loseAll(p *flightPool, renege bool) {
	for k := f.first; k < f.next; {
		s, next := f.span(p, k, f.next)
		if renege {
			s.b.sacked = 0
		}
		s.b.lost |= s.mask &^ s.b.sacked
		k = next
	}
	if renege {
		f.sacked, f.segments = 0, 0
	}
	f.hint = f.first
	f.lost = int32(f.last(p).Since(f.start)) - f.sacked
}

// loseNone takes back that anything was lost.
func (f *flight) loseNone(p *flightPool) {
	for k := f.first; k < f.next; {
		s, next := f.span(p, k, f.next)
		s.b.lost = 0
		k = next
	}
	f.lost = 0
}

// startSACKed: the peer has the first segment, though it did not acknowledge
// it.
func (f *flight) startSACKed(p *flightPool) bool {
	if f.first == f.next {
		return false
	}
	b, bit := f.at(p, f.first)
	return b.sacked>>bit&1 != 0
}
