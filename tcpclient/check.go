package tcpclient

import (
	"fmt"

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

// Check looks at every connection of a Manual client between two Steps, for
// what must be true of each (one timer if anything is due, and none otherwise;
// SND.UNA ≤ SND.NXT; …) and of all together (what they hold is what was
// taken). It is for simulations and tests: it takes its time.
func (c *Client) Check() (Holdings, error) {
	var all Holdings
	for _, w := range c.workers {
		h, err := w.check()
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

func (w *Worker) check() (h Holdings, err error) {
	var sum handshake.Holdings
	for i, left := uint32(0), w.table.Len(); left > 0; i++ {
		if int(i) == w.table.Cap() {
			return h, fmt.Errorf("%d entries in use cannot be found", left)
		}
		e := w.table.At(i)
		if e.State == conntable.Free {
			continue
		}
		left--
		held, err := w.checkOne(i, e)
		if err != nil {
			return h, fmt.Errorf("connection %d in state %d: %w", i, e.State, err)
		}
		sum.Sides += held.Sides
		sum.BufferBytes += held.BufferBytes
		sum.Holes += held.Holes
		sum.Blocks += held.Blocks
		sum.Further += held.Further
		if w.wheel.Armed(i) {
			h.Timers++
		}
	}
	if h.Timers != w.wheel.Len() {
		return h, fmt.Errorf("%d timers are armed, %d of them for connections", w.wheel.Len(), h.Timers)
	}
	h.Connections, h.SideRecords, h.BufferBytes, h.Holes = w.table.Len(), sum.Sides, sum.BufferBytes, sum.Holes
	return h, w.machine.CheckHoldings(sum)
}

func (w *Worker) checkOne(i uint32, e *conntable.Entry) (handshake.Holdings, error) {
	held, err := w.machine.Check(i, w.now)
	switch {
	case err != nil, e.Flags&handshake.Queued != 0:
		return held, err
	case handshake.Fresh(e) && w.starts.every == 0:
		return held, nil // opened since the last turn: it starts in the next
	}
	at, needed := w.machine.Deadline(i, w.now)
	armed, is := w.wheel.Deadline(i)
	switch {
	case needed != is:
		return held, fmt.Errorf("timer needed: %v, armed: %v", needed, is)
	case needed && at > w.now && armed != at:
		return held, fmt.Errorf("timer armed for %v, due at %v", armed, at)
	}
	return held, nil
}
