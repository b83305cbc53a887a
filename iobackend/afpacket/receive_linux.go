package afpacket

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"myriad/iobackend"
)

// Receive borrows what was handed over, then what is in the ring.
func (q *Queue) Receive(frames []iobackend.Frame) (count int, at time.Duration, err error) {
	at = q.Now()
	if err := q.device.failed("receive"); err != nil {
		return 0, at, err
	}
	for _, m := range q.inbox {
		if m != nil {
			count += m.takeInto(frames[count:])
		}
	}
	for count < len(frames) && q.ring.ready() {
		took, wait := q.receiveSlot(&frames[count])
		if wait {
			break
		}
		if took {
			count++
		}
	}
	if count > 0 {
		bytes := 0
		for i := range frames[:count] {
			bytes += len(frames[i].Data)
		}
		q.counts.framesReceived.Add(uint64(count))
		q.counts.bytesReceived.Add(uint64(bytes))
	}
	return count, at, nil
}

// receiveSlot takes the next slot: into f, or drops it. With wait, it stays
// where it is until a buffer for a super-frame is free.
func (q *Queue) receiveSlot(f *iobackend.Frame) (took, wait bool) {
	r := &q.ring
	slot := r.next
	status := r.status(slot)
	word := status.Load()
	h := r.header(slot)
	var data []byte
	handle := makeHandle(handleSlot, q.index, slot)
	if word&statusCopy != 0 {
		index, buffer, ok := q.super.take()
		if !ok {
			return false, true
		}
		data = q.receiveSuper(buffer, int(h.Len))
		handle = makeHandle(handleSuper, q.index, index)
		if data == nil || word&statusVLAN != 0 {
			q.super.giveBack(index)
		}
	} else if data = r.data(slot, h); data == nil {
		q.counts.malformed.Add(1)
	} else if h.Snaplen < h.Len {
		q.counts.truncated.Add(1)
		data = nil
	}
	if data != nil && word&statusVLAN != 0 {
		q.counts.vlan.Add(1)
		data = nil
	}
	// A super-frame's slot, and a dropped one's, is the kernel's again at once.
	if data == nil || word&statusCopy != 0 {
		status.Store(0)
	} else {
		status.Store(word | statusHeld)
	}
	r.advance()
	if data == nil {
		return false, false
	}
	*f = iobackend.Frame{Data: data, Handle: handle, ChecksumOK: word&(statusCsumPending|statusCsumValid) != 0}
	return true, false
}

// receiveSuper copies the first super-frame from beside the ring; nil, and
// counted, when it is not the one that the slot tells of.
func (q *Queue) receiveSuper(buffer []byte, size int) []byte {
	n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(q.fd),
		uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)), unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
	if errno != 0 || int(n) != size || size > len(buffer) {
		q.counts.truncated.Add(1)
		return nil
	}
	return buffer[:size:size]
}

// Release gives borrowed frames back, to whichever queue they belong to.
func (q *Queue) Release(frames []iobackend.Frame) {
	for i := range frames {
		if frames[i].Data == nil {
			continue
		}
		if !q.device.giveBack(frames[i].Handle) {
			q.counts.misuse.Add(1)
		}
	}
}

// giveBack frees a receive frame; false when it is not out.
func (d *Device) giveBack(handle uint64) bool {
	queue, index := handleQueue(handle), handleIndex(handle)
	if queue >= len(d.queues) || d.state.Load() == stateClosed {
		return false
	}
	home := d.queues[queue]
	switch handle & handleKinds {
	case handleSlot:
		if index >= home.ring.slots {
			return false
		}
		status := home.ring.status(index)
		if status.Load()&statusHeld == 0 {
			return false
		}
		status.Store(0)
		return true
	case handleSuper:
		return home.super.giveBack(index)
	}
	return false
}

// HandOver passes a frame to another queue by reference.
func (q *Queue) HandOver(frame iobackend.Frame, to int) bool {
	if to < 0 || to >= len(q.inbox) || to == q.index {
		return false
	}
	target := q.device.queues[to]
	if !target.inbox[q.index].put(frame) {
		q.counts.handOverFull.Add(1)
		return false
	}
	q.counts.handedOver.Add(1)
	target.Wake()
	return true
}
