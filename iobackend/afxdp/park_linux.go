package afxdp

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// parker has Wait park its goroutine, where ppoll would block its thread. Go's
// poller looks at one descriptor for a goroutine; an epoll instance is one, and
// stands for all that a queue waits for.
type parker struct {
	file  *os.File
	raw   syscall.RawConn
	ready func() bool
	asked bool
	done  func(uintptr) bool // heard, made once
}

func newParker(fds []unix.PollFd, ready func() bool) (*parker, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll instance: %w", err)
	}
	err = unix.SetNonblock(fd, true) // or os does not poll it
	for _, p := range fds {
		err = errors.Join(err, unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, int(p.Fd), &unix.EpollEvent{Events: unix.EPOLLIN, Fd: p.Fd}))
	}
	k := &parker{file: os.NewFile(uintptr(fd), "afxdp queue"), ready: ready}
	k.done = k.heard
	if err == nil {
		k.raw, err = k.file.SyscallConn()
	}
	if err == nil {
		err = k.file.SetReadDeadline(time.Time{}) // fails where it cannot be polled
	}
	if err != nil {
		k.close()
		return nil, fmt.Errorf("have Go poll an epoll instance: %w", err)
	}
	return k, nil
}

// wait parks until something happens, or for limit, and reports whether anything
// did.
func (k *parker) wait(limit time.Duration) (happened bool, err error) {
	if err = k.file.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return false, err
	}
	k.asked = false
	err = k.raw.Read(k.done)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false, nil
	}
	return err == nil, err
}

// heard ends a wait: at once when there is something already, and later whatever
// it was.
func (k *parker) heard(uintptr) bool {
	again := k.asked
	k.asked = true
	return again || k.ready()
}

func (k *parker) close() { _ = k.file.Close() }
