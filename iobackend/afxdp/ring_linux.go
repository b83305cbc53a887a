package afxdp

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is one of a socket's four rings, shared with the kernel. Who produces
// writes entries and then the producer index; who consumes reads that index,
// the entries, and then writes the consumer index. The sync/atomic operations
// give that order.
type ring[T any] struct {
	entries  []T
	producer *uint32
	consumer *uint32
	flags    *uint32
	// Copies of the indices: ours runs ahead of what we told the kernel, the
	// kernel's lags behind what it told us.
	prod, cons uint32
	memory     []byte
}

// mapRing maps a ring of size entries at a page offset of the socket.
func mapRing[T any](fd int, at int64, size int, o unix.XDPRingOffset) (*ring[T], error) {
	var entry T
	length := int(o.Desc) + size*int(unsafe.Sizeof(entry))
	memory, err := unix.Mmap(fd, at, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map a ring of %d entries: %w", size, err)
	}
	return &ring[T]{
		entries:  unsafe.Slice((*T)(unsafe.Pointer(&memory[o.Desc])), size),
		producer: (*uint32)(unsafe.Pointer(&memory[o.Producer])),
		consumer: (*uint32)(unsafe.Pointer(&memory[o.Consumer])),
		flags:    (*uint32)(unsafe.Pointer(&memory[o.Flags])),
		memory:   memory,
	}, nil
}

func (r *ring[T]) unmap() {
	if r != nil && r.memory != nil {
		_ = unix.Munmap(r.memory)
		*r = ring[T]{}
	}
}

// needWakeup reports whether the kernel wants a system call to go on.
func (r *ring[T]) needWakeup() bool {
	return atomic.LoadUint32(r.flags)&unix.XDP_RING_NEED_WAKEUP != 0
}

// available returns the entries that we may consume, looking at the kernel's
// index only when fewer than want are known.
func (r *ring[T]) available(want uint32) uint32 {
	if n := r.prod - r.cons; n >= want {
		return n
	}
	r.prod = atomic.LoadUint32(r.producer)
	return r.prod - r.cons
}

// consumed tells the kernel that entries up to cons are its own again.
func (r *ring[T]) consumed() { atomic.StoreUint32(r.consumer, r.cons) }

// put adds an entry; the rings that we produce have room for all frames that
// there are.
func (r *ring[T]) put(e T) {
	r.entries[r.prod&uint32(len(r.entries)-1)] = e
	r.prod++
}

// produced gives what was put to the kernel.
func (r *ring[T]) produced() { atomic.StoreUint32(r.producer, r.prod) }

// unconsumed returns the number of produced entries that the kernel has not
// taken yet.
func (r *ring[T]) unconsumed() uint32 {
	r.cons = atomic.LoadUint32(r.consumer)
	return atomic.LoadUint32(r.producer) - r.cons
}
