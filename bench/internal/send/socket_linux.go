package send

import (
	"errors"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// message is struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
	_      [4]byte
}

// callMax is the most messages that sendmmsg takes in one call (UIO_MAXIOV).
const callMax = 1024

// socketSender sends by a raw or a packet socket, a call a frame or sendmmsg.
type socketSender struct {
	fd       int
	frames   frames
	from     int // where the socket's part of a frame begins
	buffers  [][]byte
	one      bool
	messages []message
	iovecs   []unix.Iovec
	names    []unix.RawSockaddrInet4
}

func newSocketSender(c *Config, f frames) (sender, error) {
	raw := strings.HasPrefix(c.Method, "raw")
	s := &socketSender{frames: f, one: !UsesBatch(c.Method)}
	var err error
	if raw {
		s.from = ipAt
		s.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	} else {
		s.fd, err = packetSocket(c.Interface.Index, !c.ByFlow)
	}
	if err != nil {
		return nil, err
	}
	s.prepare(c.Batch, raw)
	return s, nil
}

// packetSocket sends on an interface, past its queueing discipline if so asked, which
// also leaves the choice of the queue to the processor. It receives nothing.
func packetSocket(index int, bypass bool) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: index})
	if err == nil && bypass {
		err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1)
	}
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// prepare makes the frames and the vectors that point to them.
func (s *socketSender) prepare(batch int, raw bool) {
	if s.one {
		batch = 1
	}
	s.buffers = make([][]byte, batch)
	s.messages = make([]message, batch)
	s.iovecs = make([]unix.Iovec, batch)
	s.names = make([]unix.RawSockaddrInet4, batch)
	for i := range s.buffers {
		b := make([]byte, len(s.frames.template))
		s.frames.fill(b)
		s.buffers[i] = b
		s.iovecs[i].Base = &b[s.from]
		s.iovecs[i].SetLen(len(b) - s.from)
		h := &s.messages[i].header
		h.Iov = &s.iovecs[i]
		h.SetIovlen(1)
		if raw {
			s.names[i].Family = unix.AF_INET
			h.Name = (*byte)(unsafe.Pointer(&s.names[i]))
			h.Namelen = unix.SizeofSockaddrInet4
		}
		s.aim(i)
	}
}

// aim gives frame i its next destination.
func (s *socketSender) aim(i int) {
	b := s.buffers[i]
	s.frames.renew(b)
	copy(s.names[i].Addr[:], b[ipAt+16:])
}

func (s *socketSender) send(count int) (sent, refused int, err error) {
	if s.one {
		count = 1
	}
	if s.frames.unique {
		for i := range count {
			s.aim(i)
		}
	}
	for at := 0; at < count; {
		n, errno := s.call(at, min(count-at, callMax))
		switch {
		case errno == 0:
			sent += n
			at += n
		case isRefusal(errno):
			refused++
			at++
		default:
			return sent, refused, errno
		}
	}
	return sent, refused, nil
}

// call sends messages, and returns how many were taken.
func (s *socketSender) call(at, count int) (int, unix.Errno) {
	if s.one {
		h := &s.messages[0].header
		_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(s.iovecs[0].Base)),
			uintptr(s.iovecs[0].Len), 0, uintptr(unsafe.Pointer(h.Name)), uintptr(h.Namelen))
		return 1, errno
	}
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.messages[at])),
		uintptr(count), 0, 0, 0)
	return int(n), errno
}

// isRefusal reports whether the kernel refused one frame: a rule (EPERM, also
// for want of room in the table of connections), or no room.
func isRefusal(errno unix.Errno) bool {
	return errno == unix.EPERM || errno == unix.ENOBUFS || errno == unix.EAGAIN || errno == unix.EINTR
}

func (s *socketSender) close() error { return unix.Close(s.fd) }
