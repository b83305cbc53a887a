package afxdp

import (
	"fmt"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// States of queue.sleep.
const (
	awake uint32 = iota
	asleep
	woken
)

const (
	// sleepMax bounds one sleep, so that a device that went without a word
	// is noticed within a second.
	sleepMax = 500 * time.Millisecond
	// sleepPending bounds it while the kernel has not taken all that was
	// transmitted.
	sleepPending = time.Millisecond
)

// Wait sleeps until a frame arrives, Wake is called or the clock reaches until.
func (q *queue) Wait(until time.Duration) error { return q.WaitUnlocked(until, nil) }

// WaitUnlocked implements iobackend.Sharer.
func (q *queue) WaitUnlocked(until time.Duration, lock sync.Locker) error {
	d := q.device
	if err := d.check(); err != nil {
		return err
	}
	if q.passing {
		q.passOn()
	}
	q.takeReturned()
	if !q.sleep.CompareAndSwap(awake, asleep) {
		q.sleep.Store(awake) // woken before
		return nil
	}
	// Whoever hands over after this look sees that we are asleep.
	var err error
	if !q.ready() {
		err = q.poll(until, lock)
	}
	q.sleep.Store(awake)
	if err != nil {
		return err
	}
	return d.check()
}

// ready reports whether there is something to receive or to send.
func (q *queue) ready() bool {
	for _, s := range q.sockets {
		if s.rx.available(1) > 0 {
			return true
		}
		q.feed(s)
	}
	for _, r := range q.handed {
		if r != nil && r.waiting() > 0 {
			return true
		}
	}
	for _, r := range q.returned {
		if r != nil && r.waiting() > 0 {
			return true
		}
	}
	return false
}

func (q *queue) poll(until time.Duration, lock sync.Locker) error {
	limit := sleepMax
	if q.pending {
		if err := q.kick(); err != nil {
			return err
		}
		if q.pending {
			limit = sleepPending
		}
	}
	limit = min(limit, until-q.Now())
	if limit <= 0 {
		return nil
	}
	q.counters.waits.Add(1)
	if q.parker != nil {
		return q.park(limit, lock)
	}
	q.timeout = unix.NsecToTimespec(int64(limit))
	n, _, errno := unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&q.polled[0])), uintptr(len(q.polled)),
		uintptr(unsafe.Pointer(&q.timeout)), 0, 0, 0)
	if errno != 0 && errno != unix.EINTR && errno != unix.EAGAIN && errno != unix.ENOMEM {
		return fmt.Errorf("afxdp: wait on %q: %w", q.device.plan.name, errno)
	}
	if q.polled[0].Revents != 0 {
		q.drainWake()
	}
	if errno != 0 || n == 0 {
		return q.inspect()
	}
	for i := range q.polled[1:] {
		if q.polled[i+1].Revents&^unix.POLLIN != 0 {
			return q.inspect()
		}
	}
	return nil
}

// park is poll for a queue whose goroutine has no thread of its own.
func (q *queue) park(limit time.Duration, lock sync.Locker) error {
	passed, err := q.parker.Wait(limit, lock)
	if err != nil {
		return fmt.Errorf("afxdp: wait on %q: %w", q.device.plan.name, err)
	}
	if q.sleep.Load() == woken {
		return nil
	}
	if passed || !q.ready() {
		return q.inspect()
	}
	return nil
}

// inspect asks whether the device is still there.
func (q *queue) inspect() error {
	for _, s := range q.sockets {
		if s.unregistered() || s.pull() == unix.ENXIO {
			q.device.gone.Store(true)
		}
	}
	return q.device.check()
}

func (q *queue) drainWake() {
	var b [8]byte
	_, _, _ = unix.RawSyscall(unix.SYS_READ, uintptr(q.wakeFD), uintptr(unsafe.Pointer(&b)), 8)
}

// Wake ends the current or the next Wait. It costs a system call only when the
// queue sleeps.
func (q *queue) Wake() {
	if q.sleep.Load() == woken || q.sleep.Swap(woken) != asleep {
		return
	}
	if q.parker != nil {
		q.parker.Wake()
		return
	}
	q.device.mu.RLock()
	defer q.device.mu.RUnlock()
	if q.wakeFD >= 0 {
		one := [8]byte{1}
		_, _ = unix.Write(q.wakeFD, one[:])
	}
}
