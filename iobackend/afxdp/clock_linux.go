package afxdp

import "time"

// drift is how fast a device's clock may run away from ours: crystals keep 100
// parts in a million, 100 ns a millisecond.
const drift = 100

// deviceClock turns a device's timestamps into instants of our clock.
//
// Our clock minus the stamp is the clocks' offset plus the time that the frame
// took to us, so the smallest difference seen is nearest to the offset. It is
// let grow at the rate at which the clocks may drift apart.
type deviceClock struct {
	offset  int64         // smallest difference, ns
	read    time.Duration // when the drift was last allowed for
	started bool
	last    time.Duration
}

// instant returns the time at which a frame stamped with stamp ns arrived; now
// is our clock. It is never later than now and never goes back.
func (c *deviceClock) instant(stamp uint64, now time.Duration) time.Duration {
	difference := int64(now) - int64(stamp)
	if ms := (now - c.read) / time.Millisecond; ms > 0 {
		c.offset += int64(ms) * drift
		c.read = now
	}
	if !c.started || difference < c.offset {
		c.offset, c.started = difference, true
	}
	c.last = max(c.last, min(time.Duration(int64(stamp)+c.offset), now))
	return c.last
}
