package demoweb

import (
	"crypto/tls"
	"net"

	"golang.org/x/sys/unix"
)

// stands reports whether the kernel still takes a connection for one that the
// client has open. The goroutine that serves it may get to know of the client's
// FIN much later, when the next connection has long begun.
func stands(c net.Conn) bool {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	t, ok := c.(*net.TCPConn)
	if !ok {
		return true
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return false // closed
	}
	open := false
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.SOL_TCP, unix.TCP_INFO)
		open = err == nil && info.State == 1 // TCP_ESTABLISHED of linux/net/tcp_states.h
	})
	return err == nil && open
}
