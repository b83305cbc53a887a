package afpacket

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A handle names a frame: two bits say which memory it is in, bits 32 to 47 its
// queue, bits 0 to 31 its index there.
const (
	handleSlot  uint64 = 0       // a slot of the receive ring
	handleSend  uint64 = 1 << 62 // a send frame
	handleSuper uint64 = 2 << 62 // a super-frame's buffer
	handleKinds uint64 = 3 << 62
)

func makeHandle(kind uint64, queue, index int) uint64 {
	return kind | uint64(queue)<<32 | uint64(uint32(index))
}

func handleQueue(h uint64) int { return int(h >> 32 & 0xFFFF) }
func handleIndex(h uint64) int { return int(uint32(h)) }

// anonymous maps memory that costs nothing until it is used, and that the
// garbage collector does not know.
func anonymous(what string, bytes int) ([]byte, error) {
	m, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes for %s: %w", bytes, what, err)
	}
	return m, nil
}

// sendPool is the memory of send frames; the queue's goroutine alone uses it.
type sendPool struct {
	memory     []byte
	frameBytes int
	free       []uint32 // of the capacity of all
	count      int      // of free
	out        []bool
}

func newSendPool(frameBytes, frames int) (sendPool, error) {
	memory, err := anonymous("send frames", frameBytes*frames)
	if err != nil {
		return sendPool{}, err
	}
	p := sendPool{memory: memory, frameBytes: frameBytes, free: make([]uint32, frames), count: frames, out: make([]bool, frames)}
	for i := range p.free {
		p.free[i] = uint32(frames - 1 - i)
	}
	return p, nil
}

func (p *sendPool) take() (index int, data []byte, ok bool) {
	if p.count == 0 {
		return 0, nil, false
	}
	p.count--
	index = int(p.free[p.count])
	p.out[index] = true
	at := index * p.frameBytes
	return index, p.memory[at : at+p.frameBytes : at+p.frameBytes], true
}

// giveBack is false when the frame is not out.
func (p *sendPool) giveBack(index int) bool {
	if index >= len(p.out) || !p.out[index] {
		return false
	}
	p.out[index] = false
	p.free[p.count] = uint32(index)
	p.count++
	return true
}

const (
	superBytes = 1<<16 + 256 // the largest packet, with link-layer headers
	superCount = 16
)

// superPool is the memory of super-frames. The queue's goroutine takes, anybody
// gives back.
type superPool struct {
	memory []byte
	used   [superCount]atomic.Bool
}

func (p *superPool) take() (index int, data []byte, ok bool) {
	for i := range p.used {
		if !p.used[i].Load() {
			p.used[i].Store(true)
			return i, p.memory[i*superBytes : (i+1)*superBytes : (i+1)*superBytes], true
		}
	}
	return 0, nil, false
}

func (p *superPool) giveBack(index int) bool {
	return index < superCount && p.used[index].CompareAndSwap(true, false)
}
