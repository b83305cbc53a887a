package park

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Parker waits for sockets. Go's poller looks at one descriptor for a goroutine;
// an epoll instance is one, and stands for all of them.
//
// Whoever sets a deadline that has passed ends the wait: without a system call,
// and the waiting goroutine runs next on that very processor. So the deadline
// cannot be the wait's own limit, which a timer keeps. That fires at the first
// limit since it was armed, and is armed anew only then: limits mostly move away,
// and each time a timer is set the runtime may wake a thread for it.
type Parker struct {
	file  *os.File
	raw   syscall.RawConn
	ready func() bool
	asked bool
	done  func(uintptr) bool // heard, made once
	spent bool               // the deadline has passed
	lock  sync.Locker        // to give up while parked; nil: none
	given bool               // it is

	timer *time.Timer
	armed time.Time   // what for; zero: it is not
	fired atomic.Bool // it has
}

// New waits for what can be read, or an error, of sockets, and looks at ready first,
// under the lock, if there is one. Close does not close the sockets.
func New(sockets []int, ready func() bool) (*Parker, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll instance: %w", err)
	}
	err = unix.SetNonblock(fd, true) // or os does not poll it
	for _, s := range sockets {
		err = errors.Join(err, unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, s, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(s)}))
	}
	k := &Parker{file: os.NewFile(uintptr(fd), "sockets"), ready: ready}
	k.done = k.heard
	k.timer = time.AfterFunc(time.Hour, func() { k.fired.Store(true); k.Wake() })
	k.timer.Stop()
	if err == nil {
		k.raw, err = k.file.SyscallConn()
	}
	if err == nil {
		err = k.file.SetReadDeadline(time.Time{}) // fails where it cannot be polled
	}
	if err != nil {
		k.Close()
		return nil, fmt.Errorf("have Go poll an epoll instance: %w", err)
	}
	return k, nil
}

// Wait parks until a socket is ready or Wake is called, or for limit, which it
// reports. The caller holds lock, where there is one, and is without it meanwhile.
// It may return early: see Wake.
func (k *Parker) Wait(limit time.Duration, lock sync.Locker) (passed bool, err error) {
	k.lock = lock
	until := time.Now().Add(limit)
	for {
		k.arm(until)
		if k.spent {
			if err := k.file.SetReadDeadline(time.Time{}); err != nil {
				return false, err
			}
		}
		k.asked = false
		err := k.raw.Read(k.done)
		if k.given {
			k.given = false
			k.lock.Lock()
		}
		k.spent = errors.Is(err, os.ErrDeadlineExceeded)
		switch {
		case err != nil && !k.spent:
			return false, err
		case !k.fired.Load():
			return false, nil
		case !time.Now().Before(until):
			return true, nil
		}
	}
}

// arm has the timer fire at until at the latest.
func (k *Parker) arm(until time.Time) {
	if k.fired.Swap(false) {
		k.armed = time.Time{}
	}
	if k.armed.IsZero() || until.Before(k.armed) {
		k.armed = until
		k.timer.Reset(time.Until(until))
	}
}

// heard ends a wait: at once when there is something already, and later whatever
// it was. It looks after the deadline was cleared, so whoever wakes without its
// seeing that sets it after that.
func (k *Parker) heard(uintptr) bool {
	if k.asked || k.fired.Load() || k.ready() {
		return true
	}
	k.asked = true
	if k.lock != nil {
		k.given = true
		k.lock.Unlock()
	}
	return false
}

var longPast = time.Unix(1, 0)

// Wake ends the Wait under way. Any goroutine may call it, once it has had ready
// say so. One that comes late ends the next for nothing.
func (k *Parker) Wake() { _ = k.file.SetReadDeadline(longPast) }

// Close ends what Wait is under way, with an error.
func (k *Parker) Close() {
	k.timer.Stop()
	_ = k.file.Close()
}
