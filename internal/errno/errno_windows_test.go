package errno

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// A program finds what it looks for, by Winsock's name as in an error of
// Windows' own sockets, or by package syscall's.
func TestBothNamesAreFound(t *testing.T) {
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	for _, c := range []struct {
		err               error
		winsock, portable syscall.Errno
	}{
		{Refused, windows.WSAECONNREFUSED, syscall.ECONNREFUSED},
		{Reset, windows.WSAECONNRESET, syscall.ECONNRESET},
		{TimedOut, windows.WSAETIMEDOUT, syscall.ETIMEDOUT},
		{HostUnreachable, windows.WSAEHOSTUNREACH, syscall.EHOSTUNREACH},
		{NetUnreachable, windows.WSAENETUNREACH, syscall.ENETUNREACH},
		{NetDown, windows.WSAENETDOWN, syscall.ENETDOWN},
		{NoMemory, windows.WSAENOBUFS, syscall.ENOMEM},
		{BrokenPipe, windows.WSAESHUTDOWN, syscall.EPIPE},
		{NotConnected, windows.WSAENOTCONN, syscall.ENOTCONN},
	} {
		err := dial(c.err)
		require.True(t, Is(c.err))
		require.ErrorIs(t, err, c.winsock)
		require.ErrorIs(t, err, c.portable)
		require.NotErrorIs(t, err, syscall.ERROR_ACCESS_DENIED)
		var code windows.Errno
		require.ErrorAs(t, err, &code)
		require.Equal(t, c.winsock, code)
		var timeout net.Error
		require.True(t, errors.As(err, &timeout))
		require.Equal(t, c.portable == syscall.ETIMEDOUT, timeout.Timeout())
	}
	require.False(t, Is(errors.New("another")))
}

// Windows' own sockets give the same code for the same thing.
func TestWindowsSaysTheSame(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	_, err = net.Dial("tcp4", address)
	require.ErrorIs(t, err, Refused.winsock)
}
