package latency

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The receive ring: slots hold the header and what is looked at of a frame.
const (
	slotBytes  = 256
	blockBytes = 1 << 16
	slotCount  = 1 << 16
)

// sockets are the far end's: a ring that receives with the kernel's timestamps,
// and a socket that sends several frames in a call.
type sockets struct {
	receiver, sender int
	ring             []byte
	next             int

	buffers  [burst][requestFrame + 4]byte
	iovecs   [burst]unix.Iovec
	messages [burst]message
	staged   int
}

// message is struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
	_      [4]byte
}

// burst is the most frames that leave in one call.
const burst = 64

// openSockets opens both on a device of the calling thread's namespace.
func openSockets(index int) (s *sockets, err error) {
	s = &sockets{receiver: -1, sender: -1}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("latency: the far end's sockets: %w", err), s.close())
		}
	}()
	if s.sender, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return s, err
	}
	if err = unix.SetsockoptInt(s.sender, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		return s, err
	}
	if err = unix.Bind(s.sender, &unix.SockaddrLinklayer{Ifindex: index}); err != nil {
		return s, err
	}
	if s.receiver, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return s, err
	}
	for option, value := range map[int]int{unix.PACKET_VERSION: unix.TPACKET_V2, unix.PACKET_IGNORE_OUTGOING: 1} {
		if err = unix.SetsockoptInt(s.receiver, unix.SOL_PACKET, option, value); err != nil {
			return s, err
		}
	}
	request := unix.TpacketReq{Block_size: blockBytes, Block_nr: slotCount * slotBytes / blockBytes, Frame_size: slotBytes, Frame_nr: slotCount}
	if err = unix.SetsockoptTpacketReq(s.receiver, unix.SOL_PACKET, unix.PACKET_RX_RING, &request); err != nil {
		return s, err
	}
	if s.ring, err = unix.Mmap(s.receiver, 0, slotCount*slotBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return s, err
	}
	var ipv4 [2]byte // in the order of the network
	binary.BigEndian.PutUint16(ipv4[:], unix.ETH_P_IP)
	err = unix.Bind(s.receiver, &unix.SockaddrLinklayer{Ifindex: index, Protocol: binary.NativeEndian.Uint16(ipv4[:])})
	for k := range s.messages {
		s.iovecs[k].Base = &s.buffers[k][0]
		s.messages[k].header.Iov = &s.iovecs[k]
		s.messages[k].header.SetIovlen(1)
	}
	return s, err
}

// receive returns the next frame and when it arrived, in nanoseconds of
// CLOCK_REALTIME; the frame is ours until release.
func (s *sockets) receive() (frame []byte, at int64, ok bool) {
	slot := s.ring[s.next*slotBytes : (s.next+1)*slotBytes]
	h := (*unix.Tpacket2Hdr)(unsafe.Pointer(&slot[0]))
	if atomic.LoadUint32(&h.Status)&unix.TP_STATUS_USER == 0 {
		return nil, 0, false
	}
	from := min(int(h.Mac), slotBytes)
	to := min(from+int(h.Snaplen), slotBytes)
	return slot[from:to], int64(h.Sec)*1e9 + int64(h.Nsec), true
}

func (s *sockets) release() {
	h := (*unix.Tpacket2Hdr)(unsafe.Pointer(&s.ring[s.next*slotBytes]))
	atomic.StoreUint32(&h.Status, unix.TP_STATUS_KERNEL)
	s.next = (s.next + 1) % slotCount
}

// room is the next frame to be written; burst of them may be staged.
func (s *sockets) room() []byte { return s.buffers[s.staged][:] }

// stage has the frame in room sent with the others.
func (s *sockets) stage(length int) {
	s.iovecs[s.staged].SetLen(length)
	s.staged++
}

// flush sends what is staged. What the kernel has no room for is lost, as on a
// wire.
func (s *sockets) flush() error {
	for at := 0; at < s.staged; {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.sender), uintptr(unsafe.Pointer(&s.messages[at])), uintptr(s.staged-at), 0, 0, 0)
		switch errno {
		case 0:
			at += int(n)
		case unix.EINTR:
		case unix.ENOBUFS, unix.EAGAIN:
			at++
		default:
			return fmt.Errorf("latency: sending requests: %w", errno)
		}
	}
	s.staged = 0
	return nil
}

func (s *sockets) close() error {
	var errs []error
	if s.ring != nil {
		errs = append(errs, unix.Munmap(s.ring))
	}
	for _, fd := range []int{s.receiver, s.sender} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}
