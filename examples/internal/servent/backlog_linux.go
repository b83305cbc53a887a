package servent

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Backlog is gtk-gnutella's.
const Backlog = 5

// SetBacklog gives a listener of the kernel's TCP the backlog of a servent.
func SetBacklog(l net.Listener) error {
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	var listen error
	err = raw.Control(func(fd uintptr) { listen = unix.Listen(int(fd), Backlog) })
	if err = errors.Join(err, listen); err != nil {
		return fmt.Errorf("servent: backlog: %w", err)
	}
	return nil
}
