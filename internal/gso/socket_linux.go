package gso

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// virtioHeader is struct virtio_net_hdr, in the byte order of the machine.
type virtioHeader struct {
	flags, kind                                    uint8
	headerBytes, segment, checksumFrom, checksumAt uint16
}

const (
	needsChecksum = 1 // VIRTIO_NET_HDR_F_NEEDS_CSUM
	tcpv4         = 1 // VIRTIO_NET_HDR_GSO_TCPV4
)

// sendBuffer is the bytes that the device may have not sent yet.
const sendBuffer = 4 << 20

// Socket sends long segments on one interface.
type Socket struct {
	fd      int
	header  virtioHeader
	pieces  [1 + PiecesMax]unix.Iovec
	address unix.RawSockaddrLinklayer
	message unix.Msghdr
}

// Open makes a socket in the calling thread's network namespace that sends on
// the interface with that index. It needs CAP_NET_RAW.
func Open(ifindex int) (*Socket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("gso: make a packet socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("gso: PACKET_VNET_HDR: %w", err)
	}
	// Without the right to exceed net.core.wmem_max that is what there is.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
	}
	s := &Socket{fd: fd}
	s.address = unix.RawSockaddrLinklayer{
		Family: unix.AF_PACKET, Protocol: bigEndian(unix.ETH_P_IP), Ifindex: int32(ifindex),
	}
	s.header = virtioHeader{
		flags: needsChecksum, kind: tcpv4, checksumFrom: tcpAt, checksumAt: checksumInTCP,
	}
	s.pieces[0].Base = (*byte)(unsafe.Pointer(&s.header))
	s.pieces[0].SetLen(int(unsafe.Sizeof(s.header)))
	s.message.Name = (*byte)(unsafe.Pointer(&s.address))
	s.message.Namelen = uint32(unsafe.Sizeof(s.address))
	s.message.Iov = &s.pieces[0]
	return s, nil
}

func bigEndian(v uint16) uint16 {
	return binary.NativeEndian.Uint16([]byte{byte(v >> 8), byte(v)})
}

// Send sends one frame, given in pieces, of which the first is the headers:
// Ethernet, IPv4 without options, TCP, with the sum of the pseudo-header in the
// TCP checksum's place. It leaves as frames with at most size bytes of payload
// each. It does not wait; the error is unix.EAGAIN when the device holds as much
// as the send buffer allows, and unix.ENOBUFS when its queue is full.
func (s *Socket) Send(pieces [][]byte, size int) error {
	if len(pieces) < 2 || len(pieces) > PiecesMax {
		return fmt.Errorf("gso: %d pieces, not within 2 and %d", len(pieces), PiecesMax)
	}
	for k, p := range pieces {
		if len(p) == 0 {
			return errors.New("gso: an empty piece")
		}
		s.pieces[1+k].Base = &p[0]
		s.pieces[1+k].SetLen(len(p))
	}
	s.header.headerBytes, s.header.segment = uint16(len(pieces[0])), uint16(size)
	s.message.SetIovlen(1 + len(pieces))
	for {
		_, _, errno := unix.Syscall(unix.SYS_SENDMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.message)), unix.MSG_DONTWAIT)
		runtime.KeepAlive(pieces)
		if errno == 0 {
			return nil
		}
		if errno != unix.EINTR {
			return errno
		}
	}
}

// Busy reports whether an error of Send means only that there is no room now.
func Busy(err error) bool {
	switch err {
	case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM, unix.EBUSY:
		return true
	}
	return false
}

// Close closes the socket.
func (s *Socket) Close() error {
	if s.fd < 0 {
		return nil
	}
	fd := s.fd
	s.fd = -1
	return unix.Close(fd)
}
