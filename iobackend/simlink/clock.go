package simlink

import (
	"sync"
	"sync/atomic"
	"time"
)

// Clock is the time of one or more links, and holds what is in flight on them.
type Clock struct {
	mu         sync.Mutex
	now        atomic.Int64 // of a virtual clock; written under the lock
	events     schedule
	serial     uint64 // orders events of the same instant
	delivering bool   // a callback runs, or the heap is being worked off
	awaited    *End   // AdvanceToFrame's
	spare      [][]byte

	real  bool
	start time.Duration
	base  time.Time
	links int
	kick  chan struct{} // the heap has a new first event
	done  chan struct{} // closed when the last link is
}

// NewClock makes a virtual clock that shows start.
func NewClock(start time.Duration) *Clock {
	c := &Clock{start: start}
	c.now.Store(int64(start))
	return c
}

// NewRealClock makes a clock that follows the wall clock, and shows start now.
func NewRealClock(start time.Duration) *Clock {
	return &Clock{real: true, start: start, base: time.Now()}
}

// Now reads the clock.
func (c *Clock) Now() time.Duration {
	if c.real {
		return c.readReal()
	}
	return time.Duration(c.now.Load())
}

func (c *Clock) readReal() time.Duration { return c.start + time.Since(c.base) }

// Advance moves a virtual clock on by d and delivers what arrives until then.
func (c *Clock) Advance(d time.Duration) { c.AdvanceTo(c.Now() + d) }

// AdvanceTo moves a virtual clock to t and delivers what arrives until then,
// each frame with the clock at its own instant. A clock never goes back: with
// t in the past it only delivers what is due. Called from a callback, it does
// nothing.
func (c *Clock) AdvanceTo(t time.Duration) {
	if c.real {
		panic("simlink: Advance of a real-time clock")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runUntil(t)
}

// AdvanceToFrame is AdvanceTo, but ends as soon as a frame waits in one of the
// queues of an end, whose user then has something to do.
func (c *Clock) AdvanceToFrame(t time.Duration, e *End) {
	if c.real {
		panic("simlink: Advance of a real-time clock")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.awaited = e
	c.runUntil(t)
	c.awaited = nil
}

// NextEvent tells when the next frame in flight arrives, or the next function
// given to After is called; ok is false when there is none.
func (c *Clock) NextEvent() (at time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.events.first()
}

// After calls f once d has passed, as OnFrame callbacks are called.
func (c *Clock) After(d time.Duration, f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.schedule(event{at: c.Now() + max(d, 0), call: f})
}

// schedule adds an event; the lock is held.
func (c *Clock) schedule(e event) {
	c.serial++
	if c.events.put(e, c.serial) && c.real {
		notify(c.kick)
	}
}

// runUntil works off all events up to t; the lock is held, and let go of
// during callbacks.
func (c *Clock) runUntil(t time.Duration) {
	if c.delivering {
		return
	}
	c.delivering = true
	for {
		at, ok := c.events.first()
		if !ok || at > t {
			break
		}
		e := c.events.take()
		c.reach(e.at)
		c.perform(e)
		if c.awaited != nil && c.awaited.waiting() {
			t = e.at
		}
	}
	c.delivering = false
	c.reach(t)
}

// reach has a virtual clock show at, unless it is there already; the lock is
// held.
func (c *Clock) reach(at time.Duration) {
	if !c.real && at > c.Now() {
		c.now.Store(int64(at))
	}
}

// perform does what an event is about; the lock is held on entry and return.
func (c *Clock) perform(e event) {
	if e.call != nil {
		c.mu.Unlock()
		e.call()
		c.mu.Lock()
		return
	}
	if onFrame := e.to.arrive(e); onFrame != nil {
		c.mu.Unlock()
		onFrame(e.at, e.data)
		c.mu.Lock()
	}
	c.spare = append(c.spare, e.data)
}

// copyOf copies a frame into memory that perform takes back.
func (c *Clock) copyOf(data []byte) []byte {
	if n := len(c.spare); n > 0 && cap(c.spare[n-1]) >= len(data) {
		b := c.spare[n-1][:len(data)]
		c.spare = c.spare[:n-1]
		copy(b, data)
		return b
	}
	return append(make([]byte, 0, max(len(data), 2048)), data...)
}

// attach counts a link in, and starts the goroutine of a real-time clock with
// the first one.
func (c *Clock) attach() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.links++
	if c.real && c.links == 1 {
		c.kick = make(chan struct{}, 1)
		c.done = make(chan struct{})
		go c.pump(c.kick, c.done)
	}
}

// detach counts a link out; the lock is held.
func (c *Clock) detach() {
	c.links--
	if c.real && c.links == 0 {
		close(c.done)
	}
}

// forever is longer than any test waits.
const forever = time.Duration(1) << 60

// pump delivers on a real-time clock.
func (c *Clock) pump(kick, done chan struct{}) {
	timer := time.NewTimer(forever)
	defer timer.Stop()
	for {
		c.mu.Lock()
		now := c.readReal()
		c.runUntil(now)
		sleep := forever
		if at, ok := c.events.first(); ok {
			sleep = at - now
		}
		c.mu.Unlock()
		timer.Reset(max(sleep, 0))
		select {
		case <-timer.C:
		case <-kick:
		case <-done:
			return
		}
	}
}

// notify leaves one token in c, which holds at most one.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
