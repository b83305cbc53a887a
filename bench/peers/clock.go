package peers

import (
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// virtualClock has netstack's timers fire with the link's events, one at a time,
// on the goroutine that moves the world's clock.
type virtualClock struct{ stack *Virtual }

var _ tcpip.Clock = (*virtualClock)(nil)

// Now is the world's time, as a date.
func (c *virtualClock) Now() time.Time { return time.Unix(0, 0).Add(c.stack.around.Clock.Now()) }

// NowMonotonic is the world's time.
func (c *virtualClock) NowMonotonic() tcpip.MonotonicTime {
	return tcpip.MonotonicTime{}.Add(c.stack.around.Clock.Now())
}

// AfterFunc has f called when d has passed.
func (c *virtualClock) AfterFunc(d time.Duration, f func()) tcpip.Timer {
	t := &virtualTimer{clock: c, f: f}
	t.Reset(d)
	return t
}

// virtualTimer counts its settings; the world's clock has only the last one
// matter. Netstack sets timers on its goroutine while the world's one waits.
type virtualTimer struct {
	clock  *virtualClock
	f      func()
	mutex  sync.Mutex
	serial int
	armed  bool
}

// Stop reports whether the timer would have fired.
func (t *virtualTimer) Stop() bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	was := t.armed
	t.armed = false
	return was
}

// Reset has it fire when d has passed from now on.
func (t *virtualTimer) Reset(d time.Duration) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.serial++
	t.armed = true
	serial := t.serial
	t.clock.stack.around.Clock.After(d, func() { t.fire(serial) })
}

func (t *virtualTimer) fire(serial int) {
	t.mutex.Lock()
	due := t.armed && t.serial == serial
	if due {
		t.armed = false
	}
	t.mutex.Unlock()
	if due {
		t.f()
		t.clock.stack.Settle()
	}
}
