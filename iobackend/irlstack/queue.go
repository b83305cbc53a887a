package irlstack

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"myriad/iobackend"
)

// Queue is the device's one queue.
type Queue struct {
	device *Device

	carver  Carver
	reads   []readBuffer
	carving int     // number of the buffer being carved, or -1
	filled  numbers // buffers that wait to be carved
	stalled numbers // reads that the driver would not take
	reading int     // read requests outstanding

	send   *slots
	writes int // write requests outstanding

	done     []completion
	woken    bool  // by a Wake that another call than Wait took note of
	failure  error // the driver is gone, or we closed it
	counters iobackend.Counters
	shared   published

	closing sync.Mutex // Wake against Close
	closed  bool
}

var _ iobackend.Queue = (*Queue)(nil)

// completionsMax is how many requests are collected at once.
const completionsMax = 64

func newQueue(d *Device, reads, requestBytes, slots int) *Queue {
	q := &Queue{device: d, carving: -1, done: make([]completion, completionsMax)}
	q.carver.FrameMax = d.info.FrameBytes
	q.reads = make([]readBuffer, reads)
	for k := range q.reads {
		q.reads[k].memory = make([]byte, requestBytes)
		q.reads[k].carved = true
	}
	q.filled.ring, q.stalled.ring = make([]int, reads), make([]int, reads)
	q.send = newSlots(slots, d.info.FrameBytes)
	return q
}

// collect takes note of requests that have ended, after waiting for the first
// of them for at most wait.
func (q *Queue) collect(wait time.Duration) error {
	if q.stalled.count > 0 {
		q.retryStalled()
	}
	for {
		n, err := q.device.driver.completed(q.done, wait)
		for k := range q.done[:n] {
			c := &q.done[k]
			switch {
			case c.number == woken:
				q.woken = true
			case c.number < len(q.reads):
				q.read(c)
			default:
				q.written(c.number-len(q.reads), c)
			}
		}
		if err != nil || n < len(q.done) {
			return err
		}
		wait = 0
	}
}

// failed notes that the driver is gone. Other errors are of one request.
func (q *Queue) failed(err error) {
	if q.failure == nil && errors.Is(err, iobackend.ErrDeviceGone) {
		q.failure = err
	}
}

// Wait sleeps until a request ends, Wake, or the instant.
func (q *Queue) Wait(until time.Duration) error {
	q.counters.Waits++
	if q.failure != nil {
		return fmt.Errorf("irlstack: wait: %s: %w", q.device.info.Name, q.failure)
	}
	if q.woken || q.carving >= 0 || !q.filled.empty() {
		q.woken = false
		return nil
	}
	q.failed(q.collect(max(until-q.Now(), 0)))
	q.woken = false
	q.publish()
	if q.failure != nil && q.filled.empty() {
		return fmt.Errorf("irlstack: wait: %s: %w", q.device.info.Name, q.failure)
	}
	return nil
}

// Wake ends the current or the next Wait.
func (q *Queue) Wake() {
	q.closing.Lock()
	defer q.closing.Unlock()
	if !q.closed {
		q.device.driver.wake()
	}
}

// Now reads the clock.
func (q *Queue) Now() time.Duration { return now() }

// publish shows the totals to other goroutines.
func (q *Queue) publish() { q.shared.store(&totals{q.counters, q.carver.Faults}) }

// Counters reads the totals as of the queue's last call.
func (q *Queue) Counters() iobackend.Counters {
	t := q.shared.load()
	t.counters.DropInvalid += t.faults.Total()
	return t.counters
}

// Faults reads what was wrong with received buffers; Counters.DropInvalid
// holds their sum. Any goroutine may call it.
func (q *Queue) Faults() Faults { return q.shared.load().faults }
