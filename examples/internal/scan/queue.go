package scan

import (
	"time"

	"myriad/iobackend"
)

// device is the scan's device with the scanner in its queues.
type device struct {
	iobackend.Device
	scanner *Scanner
}

// Queue is the device's, with the scanner in it.
func (d *device) Queue(k int) iobackend.Queue {
	return &queue{d.Device.Queue(k), d.scanner.workers[k]}
}

// queue gives the client what is not the scanner's.
type queue struct {
	iobackend.Queue
	w *Worker
}

// Receive takes a batch, keeps the scanner's answers, and sends probes.
func (q *queue) Receive(frames []iobackend.Frame) (count int, at time.Duration, err error) {
	w := q.w
	if w.first < len(w.stash) {
		count = copy(frames, w.stash[w.first:])
		if w.first += count; w.first == len(w.stash) {
			w.stash, w.first = w.stash[:0], 0
		}
		return count, w.now, nil
	}
	if count, err = q.receive(frames); err != nil {
		return 0, 0, err
	}
	w.pump()
	return count, w.now, nil
}

// receive takes a batch, of which the client's frames are moved to the front.
func (q *queue) receive(frames []iobackend.Frame) (count int, err error) {
	w := q.w
	n, at, err := q.Queue.Receive(frames)
	if err != nil {
		return 0, err
	}
	w.now = max(w.now, at)
	for k := range frames[:n] {
		if !w.take(&frames[k]) {
			frames[count], frames[k] = frames[k], frames[count]
			count++
		}
	}
	q.Queue.Release(frames[count:n])
	return count, nil
}

// Wait probes until there is something for the client.
func (q *queue) Wait(until time.Duration) error {
	w := q.w
	for w.first == len(w.stash) {
		count, err := q.receive(w.rx)
		if err != nil {
			return err
		}
		w.stash = w.rx[:count]
		busy := w.pump()
		switch {
		case count > 0, w.woken.Swap(false), w.now >= until, w.banner != nil && w.banner.wanted():
			return nil
		case busy && w.nextAt <= w.now:
			continue
		}
		if err := q.wait(min(until, w.nextAt)); err != nil {
			return err
		}
	}
	return nil
}

// spinTime is below what a sleep takes at least.
const spinTime = 30 * time.Microsecond

func (q *queue) wait(until time.Duration) error {
	if until-q.w.now < spinTime {
		return nil
	}
	return q.Queue.Wait(until)
}

// Wake ends the client's wait.
func (q *queue) Wake() {
	q.w.woken.Store(true)
	q.Queue.Wake()
}

// reserveMax is the most that the client is given at once.
const reserveMax = 16

// Reserve gives the client what the rate allows.
func (q *queue) Reserve(frames []iobackend.Frame) (count int) {
	w := q.w
	allowed := min(w.bucket.credit(w.now), len(frames))
	if w.bucket.rate > 0 {
		allowed = min(allowed, reserveMax)
	}
	if allowed > 0 {
		count = q.Queue.Reserve(frames[:allowed])
	}
	w.bucket.take(count)
	switch {
	case count > 0:
		w.owed = 0
	case w.owed == 0:
		w.owed = w.now
	}
	return count
}
