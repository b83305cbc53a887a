package chunks

import (
	"encoding/binary"
	"errors"
	"math"
)

// SizeMin is the least length of a chunk in bytes: small enough that one lost
// segment of a web page does not cost much, large enough that a stream has few.
const SizeMin = 1 << sizeShiftMin

// slabBytes is how much is asked for at a time: 256 KiB.
const slabBytes = 1 << slabShift

const sizeShiftMin, slabShift = 12, 18

// ErrFull means that the pool's bound is used up.
var ErrFull = errors.New("chunks: pool is full")

// Pool is a bounded store of chunks.
type Pool struct {
	slabs [][]byte
	shift uint32 // a chunk has 1 << shift bytes
	max   uint32 // chunks there may be
	fresh uint32 // chunks from here on have never been used
	free  uint32 // the chunk given back last, + 1; its first bytes name the next
	inUse uint32
}

// NewPool makes a pool for as many whole chunks as fit into bytes; with fewer
// bytes than Size it is always full. No stretch of up to segment bytes, at most
// slabBytes, lies in more than two chunks.
func NewPool(bytes, segment int) *Pool {
	p := &Pool{}
	for p.shift = sizeShiftMin; p.Size() < min(segment, slabBytes); p.shift++ {
	}
	p.max = uint32(min(max(bytes, 0)>>p.shift, math.MaxInt32))
	return p
}

// Size is the length of a chunk in bytes, a power of two.
func (p *Pool) Size() int { return 1 << p.shift }

// InUse returns the number of bytes in chunks that streams hold.
func (p *Pool) InUse() int { return int(p.inUse) << p.shift }

// Bound returns the most that InUse can become.
func (p *Pool) Bound() int { return int(p.max) << p.shift }

// Taken returns the number of bytes taken from the system so far.
func (p *Pool) Taken() int {
	taken := 0
	for _, slab := range p.slabs {
		taken += len(slab)
	}
	return taken
}

// available returns the number of chunks that can be taken.
func (p *Pool) available() uint32 { return p.max - p.inUse }

// take returns a chunk with whatever bytes were in it. The caller has looked
// at available.
func (p *Pool) take() uint32 {
	p.inUse++
	if p.free != 0 {
		id := p.free - 1
		p.free = binary.LittleEndian.Uint32(p.bytes(id))
		return id
	}
	if slabChunks := uint32(1) << (slabShift - p.shift); p.fresh%slabChunks == 0 {
		p.slabs = append(p.slabs, make([]byte, int(min(p.max-p.fresh, slabChunks))<<p.shift))
	}
	p.fresh++
	return p.fresh - 1
}

// giveBack takes a chunk back; it is the next to be handed out.
func (p *Pool) giveBack(id uint32) {
	binary.LittleEndian.PutUint32(p.bytes(id), p.free)
	p.free = id + 1
	p.inUse--
}

// bytes returns a chunk's memory.
func (p *Pool) bytes(id uint32) []byte {
	slab := slabShift - p.shift
	at, size := id&(1<<slab-1)<<p.shift, uint32(1)<<p.shift
	return p.slabs[id>>slab][at : at+size : at+size]
}

// within is where in its chunk the byte at an offset lies.
func (p *Pool) within(offset uint32) uint32 { return offset & (1<<p.shift - 1) }
