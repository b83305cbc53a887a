package chunks

import (
	"encoding/binary"
	"errors"
	"math"
)

// Size is the length of a chunk in bytes: small enough that one lost segment
// of a web page does not cost much, large enough that a stream has few.
const Size = 4096

// slabChunks is the number of chunks in a slab: 256 KiB are asked for at a
// time.
const slabChunks = 64

// ErrFull means that the pool's bound is used up.
var ErrFull = errors.New("chunks: pool is full")

// Pool is a bounded store of chunks.
type Pool struct {
	slabs [][]byte
	max   uint32 // chunks there may be
	fresh uint32 // chunks from here on have never been used
	free  uint32 // the chunk given back last, + 1; its first bytes name the next
	inUse uint32
}

// NewPool makes a pool for as many whole chunks as fit into bytes; with fewer
// bytes than Size it is always full.
func NewPool(bytes int) *Pool {
	return &Pool{max: uint32(min(max(bytes, 0)/Size, math.MaxInt32))}
}

// InUse returns the number of bytes in chunks that streams hold.
func (p *Pool) InUse() int { return int(p.inUse) * Size }

// Bound returns the most that InUse can become.
func (p *Pool) Bound() int { return int(p.max) * Size }

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
	if p.fresh%slabChunks == 0 {
		p.slabs = append(p.slabs, make([]byte, min(p.max-p.fresh, slabChunks)*Size))
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
	at := id % slabChunks * Size
	return p.slabs[id/slabChunks][at : at+Size : at+Size]
}
