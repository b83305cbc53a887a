package irlstack

import (
	"errors"
	"fmt"
	"time"

	"myriad/iobackend"
)

// readBuffer is the memory of one read request.
type readBuffer struct {
	memory []byte
	filled int  // bytes, while it waits to be carved
	lent   int  // frames that were not released yet
	carved bool // nothing is left in it
}

// errTruncated: the driver had more for a read than its buffer holds.
var errTruncated = errors.New("more data than the request holds")

// Receive carves frames out of the oldest buffers that the driver filled.
func (q *Queue) Receive(frames []iobackend.Frame) (count int, at time.Duration, err error) {
	if q.failure == nil {
		q.failed(q.collect(0))
	}
	for count < len(frames) && (q.carving >= 0 || q.nextBuffer()) {
		n, bytes := q.carver.Carve(frames[count:], uint64(q.carving)<<32)
		count += n
		q.reads[q.carving].lent += n
		q.counters.FramesReceived += uint64(n)
		q.counters.BytesReceived += uint64(bytes)
		if q.carver.Done() {
			q.endBuffer()
		}
	}
	q.publish()
	if count == 0 && q.failure != nil {
		err = fmt.Errorf("irlstack: receive: %s: %w", q.device.info.Name, q.failure)
	}
	return count, q.Now(), err
}

// nextBuffer begins to carve the next filled buffer.
func (q *Queue) nextBuffer() bool {
	if q.filled.empty() {
		return false
	}
	q.carving = q.filled.take()
	b := &q.reads[q.carving]
	q.carver.Reset(b.memory[:b.filled])
	return true
}

// endBuffer has everything of the buffer carved. It goes back to the driver
// with its last frame.
func (q *Queue) endBuffer() {
	b := &q.reads[q.carving]
	b.carved = true
	q.giveBack(q.carving)
	q.carving = -1
}

// giveBack begins the buffer's next read, if nobody needs it any more.
func (q *Queue) giveBack(number int) {
	b := &q.reads[number]
	if !b.carved || b.lent > 0 || q.failure != nil {
		return
	}
	b.carved = false
	if err := q.device.driver.read(number, b.memory); err != nil {
		if errors.Is(err, iobackend.ErrDeviceGone) {
			q.failed(err)
		}
		b.carved = true
		q.stalled.put(number) // short of memory: tried again later
		return
	}
	q.reading++
}

// retryStalled begins the reads that the driver would not take.
func (q *Queue) retryStalled() {
	for range q.stalled.count {
		q.giveBack(q.stalled.take())
	}
}

// Release gives borrowed frames back.
func (q *Queue) Release(frames []iobackend.Frame) {
	for k := range frames {
		if frames[k].Data == nil {
			continue
		}
		number := frames[k].Handle >> 32
		if number >= uint64(len(q.reads)) || q.reads[number].lent == 0 {
			q.counters.DropInvalid++
			continue
		}
		b := &q.reads[number]
		if b.lent--; b.lent == 0 {
			q.giveBack(int(number))
		}
	}
}

// HandOver refuses: there is no other queue.
func (q *Queue) HandOver(iobackend.Frame, int) bool {
	q.counters.HandOverFull++
	return false
}

// read ends a read request.
func (q *Queue) read(c *completion) {
	q.reading--
	b := &q.reads[c.number]
	if c.err != nil && !errors.Is(c.err, errTruncated) {
		q.failed(c.err)
		b.carved = true
		if q.failure == nil {
			q.stalled.put(c.number)
		}
		return
	}
	b.filled = min(c.bytes, len(b.memory))
	q.filled.put(c.number)
}

// numbers is a ring of request numbers.
type numbers struct {
	ring        []int
	head, count int
}

func (n *numbers) empty() bool { return n.count == 0 }

func (n *numbers) put(number int) {
	n.ring[(n.head+n.count)%len(n.ring)] = number
	n.count++
}

func (n *numbers) take() int {
	number := n.ring[n.head]
	n.head = (n.head + 1) % len(n.ring)
	n.count--
	return number
}
