package afpacket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"myriad/internal/park"
)

// downCheck is how often a waiting queue looks whether an interface that is
// down is there, and up again.
const downCheck = 100 * time.Millisecond

// parkedMax bounds one sleep of a parked queue: an error that came before it ends
// no such sleep.
const parkedMax = 500 * time.Millisecond

// waiter lets a queue sleep.
type waiter struct {
	wakeFD   int
	woken    atomic.Bool // Wake was called since the last Wait ended
	sleeping atomic.Bool // Wait is about to call the kernel, or does
	poll     [2]unix.PollFd
	timeout  unix.Timespec
	token    [8]byte
	parker   *park.Parker // nil: Wait blocks its thread
}

func (w *waiter) init(fd int) (err error) {
	if w.wakeFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		w.wakeFD = -1
		return fmt.Errorf("make an eventfd: %w", err)
	}
	w.poll = [2]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(w.wakeFD), Events: unix.POLLIN}}
	return nil
}

func (w *waiter) close() {
	if w.wakeFD >= 0 {
		_ = unix.Close(w.wakeFD)
		w.wakeFD = -1
	}
	if w.parker != nil {
		w.parker.Close()
	}
}

// Wait sleeps until a frame, Wake or until.
func (q *Queue) Wait(until time.Duration) error { return q.WaitUnlocked(until, nil) }

// WaitUnlocked implements iobackend.Sharer.
func (q *Queue) WaitUnlocked(until time.Duration, lock sync.Locker) (err error) {
	if err := q.device.failed("wait"); err != nil {
		return err
	}
	sleep := until - q.Now()
	if q.device.down.Load() {
		sleep = min(sleep, downCheck)
	}
	w := &q.wait
	// Wake either sees sleeping and writes to the eventfd, or we see woken.
	w.sleeping.Store(true)
	if sleep > 0 && !w.woken.Load() && !q.pending() {
		q.counts.waits.Add(1)
		if w.parker != nil {
			err = q.park(min(sleep, parkedMax), lock)
		} else {
			q.sleep(sleep)
		}
	}
	w.sleeping.Store(false)
	w.woken.Store(false)
	if q.device.down.Load() {
		q.device.checkLink(q.fd)
	}
	return errors.Join(err, q.device.failed("wait"))
}

// pending tells whether there is something to receive.
func (q *Queue) pending() bool {
	if q.ring.ready() {
		return true
	}
	for _, m := range q.inbox {
		if m != nil && !m.empty() {
			return true
		}
	}
	return false
}

func (q *Queue) sleep(d time.Duration) {
	w := &q.wait
	w.timeout = unix.NsecToTimespec(int64(d))
	w.poll[0].Revents, w.poll[1].Revents = 0, 0
	if n, err := unix.Ppoll(w.poll[:], &w.timeout, nil); err != nil || n == 0 {
		return
	}
	if w.poll[1].Revents != 0 {
		_, _ = unix.Read(w.wakeFD, w.token[:]) // resets it
	}
	if w.poll[0].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
		q.takeError()
	}
}

// park is sleep for a queue whose goroutine has no thread of its own.
func (q *Queue) park(d time.Duration, lock sync.Locker) error {
	passed, err := q.wait.parker.Wait(d, lock)
	if err != nil {
		return fmt.Errorf("afpacket: wait: %w", err)
	}
	if passed || !q.wait.woken.Load() && !q.pending() {
		q.takeError()
	}
	return nil
}

// takeError looks what is wrong. Reading the error takes it away, or the next
// sleep would end by it too.
func (q *Queue) takeError() {
	_, _ = unix.GetsockoptInt(q.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	q.device.checkLink(q.fd)
}

// Wake ends the current or the next Wait. It costs a system call only when the
// queue sleeps.
func (q *Queue) Wake() {
	if q.wait.woken.Swap(true) || !q.wait.sleeping.Load() {
		return
	}
	if q.wait.parker != nil {
		q.wait.parker.Wake()
		return
	}
	q.closing.Lock()
	defer q.closing.Unlock()
	if q.wait.wakeFD >= 0 {
		one := [8]byte{}
		binary.NativeEndian.PutUint64(one[:], 1)
		_, _ = unix.Write(q.wait.wakeFD, one[:])
	}
}
