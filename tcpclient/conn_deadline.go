package tcpclient

import (
	"sync"
	"time"
)

// deadline is one of a Conn's two. It is guarded by the Conn's mutex.
type deadline struct {
	timer  *time.Timer
	turn   uint64 // of set; a timer of an earlier turn means nothing
	passed bool
}

// set moves the deadline to t, the zero time meaning none, and wakes those who
// wait on cond when it passes. The caller holds mu.
func (d *deadline) set(t time.Time, mu *sync.Mutex, cond *sync.Cond) {
	d.stop()
	d.passed = false
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		d.passed = true
		cond.Broadcast()
		return
	}
	turn := d.turn
	d.timer = time.AfterFunc(left, func() {
		mu.Lock()
		defer mu.Unlock()
		if d.turn == turn {
			d.passed = true
			cond.Broadcast()
		}
	})
}

// stop leaves passed as it is.
func (d *deadline) stop() {
	d.turn++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
