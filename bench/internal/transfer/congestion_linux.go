package transfer

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// congestionControl has a socket use an algorithm of the kernel's.
func congestionControl(name string) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) (err error) {
		e := c.Control(func(fd uintptr) {
			err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
		})
		return errors.Join(e, err)
	}
}
