//go:build unix

package program

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// handIn has the process that this one becomes, or starts, find a listener. It
// stays in the namespace in which it was made, and open while keep is.
func handIn(l net.Listener) (keep *os.File, err error) {
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	fd := f.Fd()
	if _, err := unix.FcntlInt(fd, unix.F_SETFD, 0); err != nil {
		f.Close()
		return nil, err
	}
	return f, os.Setenv(handedMark, strconv.Itoa(int(fd)))
}

// handedIn is the listener that was handed in; nil without one.
func handedIn() (net.Listener, error) {
	text := os.Getenv(handedMark)
	if text == "" {
		return nil, nil
	}
	os.Unsetenv(handedMark)
	fd, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("-metrics: %s: %w", handedMark, err)
	}
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "metrics")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("-metrics: %w", err)
	}
	return l, nil
}
