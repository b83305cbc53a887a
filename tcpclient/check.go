package tcpclient

import (
	"fmt"
	"time"

	"myriad/conntable"
	"myriad/handshake"
)

// Holdings is what a client's connections hold; all is zero when none is left.
type Holdings struct {
	Connections int // those in TIME-WAIT included
	Timers      int
	SideRecords int
	BufferBytes int
	Holes       int // out-of-order ranges
}

// checked is what a check saw of a connection, and found.
type checked struct {
	glance handshake.Glance
	armed  time.Duration
	is     bool // a timer is armed
	held   handshake.Holdings
}

// Check looks at every connection of a Manual client between two Steps, for
// what must be true of each (one timer if anything is due, and none otherwise;
// SND.UNA ≤ SND.NXT; …) and of all together (what they hold is what was
// taken). It is for simulations and tests: it takes its time.
func (c *Client) Check() (Holdings, error) { return c.check(true) }

// CheckChanged is Check for all that looks otherwise than when it was checked
// last: a simulation's every step can afford it. What it does not look at are
// the single segments of a flight whose sums are as they were.
func (c *Client) CheckChanged() (Holdings, error) { return c.check(false) }

func (c *Client) check(whole bool) (Holdings, error) {
	var all Holdings
	for _, w := range c.workers {
		h, err := w.check(whole)
		if err != nil {
			return all, fmt.Errorf("tcpclient: check: worker %d: %w", w.index, err)
		}
		all.Connections += h.Connections
		all.Timers += h.Timers
		all.SideRecords += h.SideRecords
		all.BufferBytes += h.BufferBytes
		all.Holes += h.Holes
	}
	return all, nil
}

func (w *Worker) check(whole bool) (h Holdings, err error) {
	var sum handshake.Holdings
	for i, left := uint32(0), w.table.Len(); left > 0; i++ {
		if int(i) == w.table.Cap() {
			return h, fmt.Errorf("%d entries in use cannot be found", left)
		}
		if int(i) == len(w.checked) {
			w.checked = append(w.checked, checked{})
		}
		e := w.table.At(i)
		if e.State == conntable.Free {
			continue
		}
		left--
		seen := &w.checked[i]
		if err := w.checkOne(i, e, seen, whole); err != nil {
			return h, fmt.Errorf("connection %d in state %d: %w", i, e.State, err)
		}
		sum.Sides += seen.held.Sides
		sum.BufferBytes += seen.held.BufferBytes
		sum.Holes += seen.held.Holes
		sum.Blocks += seen.held.Blocks
		sum.Further += seen.held.Further
		if seen.is {
			h.Timers++
		}
	}
	if h.Timers != w.wheel.Len() {
		return h, fmt.Errorf("%d timers are armed, %d of them for connections", w.wheel.Len(), h.Timers)
	}
	h.Connections, h.SideRecords, h.BufferBytes, h.Holes = w.table.Len(), sum.Sides, sum.BufferBytes, sum.Holes
	return h, w.machine.CheckHoldings(sum)
}

func (w *Worker) checkOne(i uint32, e *conntable.Entry, seen *checked, whole bool) (err error) {
	armed, is := w.wheel.Deadline(i)
	changed := w.machine.Changed(i, &seen.glance)
	if !changed && !whole && armed == seen.armed && is == seen.is {
		return nil
	}
	seen.armed, seen.is = armed, is
	seen.held, err = w.machine.Check(i, w.now)
	switch {
	case err != nil, e.Flags&handshake.Queued != 0:
		return err
	case handshake.Fresh(e) && w.starts.every == 0:
		return nil // opened since the last turn: it starts in the next
	}
	at, needed := w.machine.Deadline(i, w.now)
	switch {
	case needed != is:
		return fmt.Errorf("timer needed: %v, armed: %v", needed, is)
	case needed && at > w.now && armed != at:
		return fmt.Errorf("timer armed for %v, due at %v", armed, at)
	}
	return nil
}
