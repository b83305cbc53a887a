package errno

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// What ends or refuses a connection, or a call on one.
var (
	Refused         = socketError{windows.WSAECONNREFUSED, syscall.ECONNREFUSED}
	Reset           = socketError{windows.WSAECONNRESET, syscall.ECONNRESET}
	TimedOut        = socketError{windows.WSAETIMEDOUT, syscall.ETIMEDOUT}
	HostUnreachable = socketError{windows.WSAEHOSTUNREACH, syscall.EHOSTUNREACH}
	NetUnreachable  = socketError{windows.WSAENETUNREACH, syscall.ENETUNREACH}
	NetDown         = socketError{windows.WSAENETDOWN, syscall.ENETDOWN}
	NoMemory        = socketError{windows.WSAENOBUFS, syscall.ENOMEM}
	BrokenPipe      = socketError{windows.WSAESHUTDOWN, syscall.EPIPE}
	NotConnected    = socketError{windows.WSAENOTCONN, syscall.ENOTCONN}
)

// socketError is Winsock's error, found by package syscall's name too.
type socketError struct{ winsock, portable syscall.Errno }

func (e socketError) Error() string        { return e.winsock.Error() }
func (e socketError) Unwrap() error        { return e.winsock }
func (e socketError) Is(target error) bool { return target == e.portable }
func (e socketError) Timeout() bool        { return e.portable.Timeout() }
func (e socketError) Temporary() bool      { return e.portable.Temporary() }

// Is reports whether the error is one of a socket's, without any wrapping.
func Is(err error) bool {
	_, ok := err.(socketError)
	return ok
}
