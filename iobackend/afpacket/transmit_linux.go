package afpacket

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"myriad/iobackend"
)

// message is the kernel's struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
}

// sender holds what sendmmsg is told, made once.
type sender struct {
	messages []message
	pieces   []unix.Iovec
}

func (s *sender) init(batch int) {
	s.messages = make([]message, batch)
	s.pieces = make([]unix.Iovec, batch)
}

// Reserve takes empty send frames.
func (q *Queue) Reserve(frames []iobackend.Frame) (count int) {
	if q.device.state.Load() == stateClosed {
		return 0
	}
	for count < len(frames) {
		index, data, ok := q.send.take()
		if !ok {
			break
		}
		frames[count] = iobackend.Frame{Data: data, Handle: makeHandle(handleSend, q.index, index)}
		count++
	}
	return count
}

// Transmit sends frames; those that the kernel refuses are counted, and only
// ErrDeviceGone and ErrClosed are returned.
func (q *Queue) Transmit(frames []iobackend.Frame) error {
	if err := q.device.failed("transmit"); err != nil {
		q.giveBackSent(frames)
		q.counts.dropTransmit.Add(uint64(len(frames)))
		return err
	}
	for rest := frames; len(rest) > 0; {
		used, packets := q.gather(rest)
		if packets == 0 { // a packet of more pieces than a batch
			q.counts.dropTransmit.Add(1)
		}
		q.sendMessages(packets)
		q.giveBackSent(rest[:used])
		rest = rest[used:]
	}
	return q.device.failed("transmit")
}

// gather describes as many packets of frames as there is room for to the
// kernel.
func (q *Queue) gather(frames []iobackend.Frame) (used, packets int) {
	s := &q.out
	begin := 0 // of the packet in the making
	for i := range frames {
		if i == len(s.pieces) {
			break
		}
		f := &frames[i]
		s.pieces[i] = unix.Iovec{}
		if len(f.Data) > 0 {
			s.pieces[i].Base = &f.Data[0]
			s.pieces[i].SetLen(len(f.Data))
		}
		if f.More && i+1 < len(frames) {
			continue
		}
		m := &s.messages[packets]
		m.header.Iov = &s.pieces[begin]
		m.header.SetIovlen(i + 1 - begin)
		packets++
		begin = i + 1
	}
	if packets == 0 {
		return min(len(frames), len(s.pieces)), 0
	}
	return begin, packets
}

// sendMessages sends the first packets of the sender's messages.
func (q *Queue) sendMessages(packets int) {
	sent, bytes, refused, kicks := 0, 0, 0, 0
	for next := 0; next < packets; {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(q.fd),
			uintptr(unsafe.Pointer(&q.out.messages[next])), uintptr(packets-next), unix.MSG_DONTWAIT, 0, 0)
		kicks++
		switch errno {
		case 0:
			for i := range int(n) {
				bytes += int(q.out.messages[next+i].length)
			}
			sent += int(n)
			next += int(n)
		case unix.EINTR:
		case unix.ENETDOWN, unix.ENXIO, unix.ENODEV:
			// No frame would fare better than this one.
			q.device.checkLink(q.fd)
			refused += packets - next
			next = packets
		case unix.EAGAIN:
			// The device holds as much as the send buffer allows: so it is
			// with the rest.
			refused += packets - next
			next = packets
		default: // EMSGSIZE, ENOBUFS, EINVAL: this frame's own fault or fate
			refused++
			next++
		}
	}
	q.counts.framesSent.Add(uint64(sent))
	q.counts.bytesSent.Add(uint64(bytes))
	q.counts.kicks.Add(uint64(kicks))
	if refused > 0 {
		q.counts.dropTransmit.Add(uint64(refused))
	}
}

// giveBackSent frees frames, which the kernel has copied.
func (q *Queue) giveBackSent(frames []iobackend.Frame) {
	for i := range frames {
		h := frames[i].Handle
		if h&handleKinds != handleSend || handleQueue(h) != q.index || !q.send.giveBack(handleIndex(h)) {
			q.counts.misuse.Add(1)
		}
	}
}
