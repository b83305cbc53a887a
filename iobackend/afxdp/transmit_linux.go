package afxdp

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"myriad/iobackend"
)

// Reserve takes empty frames, the last sent first, since their memory is
// likely still in the processor's cache.
func (q *queue) Reserve(frames []iobackend.Frame) (count int) {
	if q.device.closed.Load() {
		return 0
	}
	q.reap()
	if len(q.free) < len(frames) && q.pending {
		if q.kick() != nil {
			return 0
		}
		q.reap()
	}
	count = min(len(frames), len(q.free))
	size, first := uint64(q.device.plan.frameBytes), uint64(q.device.plan.metadata)
	keep := len(q.free) - count
	for i, addr := range q.free[keep:] {
		f := &frames[i]
		f.Data = q.umem[addr+first : addr+size : addr+size]
		f.Handle = addr
		f.More = false
		f.ChecksumOK = false
		f.ChecksumPartial = false
	}
	q.free = q.free[:keep]
	return count
}

// reap takes sent frames back from the completion ring. It never waits: a
// driver may complete late, or not at all.
func (q *queue) reap() {
	r := q.sockets[0].completion
	n := r.available(^uint32(0))
	if n == 0 {
		return
	}
	mask := uint32(len(r.entries) - 1)
	inside := ^uint64(q.device.plan.frameBytes - 1)
	for range n {
		q.free = append(q.free, r.entries[r.cons&mask]&inside)
		r.cons++
	}
	q.completed += uint64(n)
	r.consumed()
}

// Transmit sends many frames by live frames, where that was asked for, and
// otherwise puts them into the transmit ring and kicks the kernel.
func (q *queue) Transmit(frames []iobackend.Frame) error {
	d := q.device
	if d.failed() {
		return d.check()
	}
	if q.live != nil && len(frames) >= liveMin {
		frames = frames[q.sendLive(frames):]
	}
	if len(frames) == 0 {
		return nil
	}
	r := q.sockets[0].tx
	base := uintptr(unsafe.Pointer(unsafe.SliceData(q.umem)))
	size, first := uint64(d.plan.frameBytes), uint64(d.plan.metadata)
	sent, bytes := uint64(0), uint64(0)
	for i := range frames {
		f := &frames[i]
		addr := uint64(uintptr(unsafe.Pointer(unsafe.SliceData(f.Data))) - base)
		// A bad descriptor has crashed drivers; ours must lie in its frame.
		inside := addr - f.Handle
		if len(f.Data) == 0 || inside-first >= size-first || inside+uint64(len(f.Data)) > size ||
			f.ChecksumPartial && !q.leaveChecksum(addr, f.Data) {
			q.free = append(q.free, f.Handle)
			q.counters.dropTransmit.Add(1)
			continue
		}
		e := unix.XDPDesc{Addr: addr, Len: uint32(len(f.Data))}
		if f.More {
			e.Options = unix.XDP_PKT_CONTD
		}
		if f.ChecksumPartial {
			e.Options |= unix.XDP_TX_METADATA
		}
		r.put(e)
		sent++
		bytes += uint64(len(f.Data))
	}
	r.produced()
	q.given += sent
	q.counters.framesSent.Add(sent)
	q.counters.bytesSent.Add(bytes)
	return q.kick()
}

// kick makes the kernel send what is in the transmit ring, as far as it will
// now; what it leaves stays in the ring and is kicked again by the next
// Transmit, Receive, Reserve or Wait.
func (q *queue) kick() error {
	s := q.sockets[0]
	left := s.tx.unconsumed()
	for left > 0 && s.tx.needWakeup() {
		errno := s.push()
		q.counters.kicks.Add(1)
		before := left
		left = s.tx.unconsumed()
		switch errno {
		case 0, unix.EAGAIN, unix.ENOBUFS, unix.EINTR, unix.ENOMEM:
		case unix.EBUSY:
			// In copy mode: the device refused the last frame that was
			// taken.
			if left < before && !s.zeroCopy {
				q.counters.dropTransmit.Add(1)
			}
		case unix.EMSGSIZE, unix.EOVERFLOW:
			// Too large for the device, since its MTU was lowered.
			q.counters.dropTransmit.Add(uint64(before - left))
		case unix.ENETDOWN:
			// A link that is down comes up again, or was removed.
			q.pending = true
			return q.inspect()
		default:
			q.device.gone.Store(true)
			return q.device.check()
		}
		if left >= before {
			break // no progress: again later
		}
	}
	q.pending = left > 0
	return nil
}
