package receive

import (
	"runtime"
	"sync/atomic"
	"time"

	"myriad/bench/internal/cpu"
	"myriad/bench/internal/usage"
	"myriad/iobackend"
)

// worker drives one queue.
type worker struct {
	receiver *Receiver
	index    int
	queue    iobackend.Queue

	rx   []iobackend.Frame
	held []iobackend.Frame // frames that wait, from head on
	head int

	spent      float64 // of the capacity, in frames
	since      time.Duration
	other      uint64
	handedOver uint64
	heldMost   int
	cpu        usage.CPU
	err        error

	// Others read these, so they have cache lines of their own.
	_       [64]byte
	taken   atomic.Uint64
	holding atomic.Int64
	away    atomic.Bool // it pauses
	ended   atomic.Bool
	_       [64]byte
}

func (w *worker) run() {
	runtime.LockOSThread() // for good: a pinned thread ends with its goroutine
	c := &w.receiver.config
	cpu.Pin(c.CPUs, w.index%c.CPUs)
	before := usage.Thread()
	defer func() { w.cpu = usage.Thread().Since(before); w.ended.Store(true) }()
	w.since = w.queue.Now()
	for !w.receiver.stop.Load() {
		w.away.Store(false) // before it looks, or Pause might take the last time's for this one's
		if w.receiver.paused.Load() {
			w.away.Store(true)
			time.Sleep(time.Millisecond)
			continue
		}
		if w.err = w.turn(c); w.err != nil {
			return
		}
	}
	w.queue.Release(w.held[w.head:])
}

// turn receives, has the application take what it can, and hands over.
func (w *worker) turn(c *Config) error {
	room := min(c.Batch, c.Held-w.waiting())
	n, now, err := w.queue.Receive(w.rx[:room])
	if err != nil {
		return err
	}
	w.held = append(w.held, w.rx[:n]...)
	w.heldMost = max(w.heldMost, w.waiting())
	took := w.take(c, now)
	passed := 0
	if c.Threshold > 0 && w.waiting() > c.Threshold {
		passed = w.handOver(c)
	}
	w.holding.Store(int64(w.waiting()))
	switch {
	case n+took+passed > 0:
		return nil
	case w.waiting() > 0: // for the application
		time.Sleep(100 * time.Microsecond)
		return nil
	default:
		return w.queue.Wait(now + time.Millisecond)
	}
}

// savedMax is how much of its capacity a worker can save up.
const savedMax = 20 * time.Millisecond

func (w *worker) waiting() int { return len(w.held) - w.head }

// take has the application look at the oldest frames.
func (w *worker) take(c *Config, now time.Duration) int {
	n := w.waiting()
	if c.Capacity > 0 {
		allowed := c.Capacity * (now - w.since).Seconds()
		// What was not used is lost but for a moment's, in which the worker may
		// have waited for its processor.
		w.spent = max(w.spent, allowed-c.Capacity*savedMax.Seconds())
		n = min(n, int(allowed-w.spent))
		w.spent += float64(max(n, 0))
	}
	if n <= 0 {
		return 0
	}
	frames := w.held[w.head : w.head+n]
	ours := 0
	for i := range frames {
		if c.Valid(frames[i].Data) {
			ours++
		}
	}
	w.taken.Add(uint64(ours))
	w.other += uint64(n - ours)
	w.queue.Release(frames)
	w.drop(n)
	return n
}

// drop takes the oldest off the list, and moves the rest to its front now and
// then.
func (w *worker) drop(n int) {
	w.head += n
	if w.head == len(w.held) || w.head > w.receiver.config.Held {
		w.held = w.held[:copy(w.held, w.held[w.head:])]
		w.head = 0
	}
}

// handOver passes the newest frames on, up to half of the difference.
func (w *worker) handOver(c *Config) int {
	to, least := w.index, int64(c.Threshold)
	for _, o := range w.receiver.workers {
		if holding := o.holding.Load(); o != w && holding < least {
			to, least = o.index, holding
		}
	}
	if to == w.index {
		return 0
	}
	n := min(w.waiting()-c.Threshold, (w.waiting()-int(least)+1)/2)
	passed := 0
	for passed < n && w.queue.HandOver(w.held[len(w.held)-1], to) {
		w.held = w.held[:len(w.held)-1]
		passed++
	}
	w.handedOver += uint64(passed)
	return passed
}
