//go:build !windows

package errno

import "syscall"

// What ends or refuses a connection, or a call on one.
const (
	Refused         = syscall.ECONNREFUSED
	Reset           = syscall.ECONNRESET
	TimedOut        = syscall.ETIMEDOUT
	HostUnreachable = syscall.EHOSTUNREACH
	NetUnreachable  = syscall.ENETUNREACH
	NetDown         = syscall.ENETDOWN
	NoMemory        = syscall.ENOMEM
	BrokenPipe      = syscall.EPIPE
	NotConnected    = syscall.ENOTCONN
)

// Is reports whether the error is one of a socket's, without any wrapping.
func Is(err error) bool {
	_, ok := err.(syscall.Errno)
	return ok
}
