package send

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows"
)

// rawSender sends by a raw socket, a call a frame; Windows has no call for
// several. It does not send TCP that way, nor from addresses that are not its
// own, so the frames are UDP from Source.
type rawSender struct {
	socket windows.Handle
	frames frames
	buffer []byte
	to     windows.SockaddrInet4
}

// Of ws2def.h and ws2ipdef.h, which x/sys lacks.
const (
	protocolRaw    = 255 // IPPROTO_RAW
	headerIncluded = 2   // IP_HDRINCL: the packet has its IP header
)

func newRawSender(c *Config, f frames) (sender, error) {
	s := &rawSender{frames: f, buffer: make([]byte, len(f.template))}
	var err error
	if s.socket, err = windows.Socket(windows.AF_INET, windows.SOCK_RAW, protocolRaw); err != nil {
		return nil, fmt.Errorf("open a raw socket (as administrator?): %w", err)
	}
	err = windows.SetsockoptInt(s.socket, windows.IPPROTO_IP, headerIncluded, 1)
	if err == nil {
		err = windows.Bind(s.socket, &windows.SockaddrInet4{Addr: c.Source.As4()})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("a raw socket from %v, which must be an address of this machine: %w", c.Source, err), s.close())
	}
	s.frames.fill(s.buffer)
	return s, nil
}

func (s *rawSender) send(int) (sent, refused int, err error) {
	s.frames.renew(s.buffer)
	copy(s.to.Addr[:], s.buffer[ipAt+16:])
	switch err = windows.Sendto(s.socket, s.buffer[ipAt:], 0, &s.to); err {
	case nil:
		return 1, 0, nil
	case windows.WSAENOBUFS, windows.WSAEWOULDBLOCK, windows.WSAEACCES, windows.WSAEHOSTUNREACH:
		return 0, 1, nil // no room, or a rule
	}
	return 0, 0, err
}

func (s *rawSender) close() error { return windows.Closesocket(s.socket) }
