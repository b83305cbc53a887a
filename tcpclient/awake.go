package tcpclient

import (
	"runtime"
	"time"
)

// shortRound is the longest round trip that a worker stays awake for, twice over,
// when bulk data waits for nothing but its ACK: falling asleep and being woken
// takes tens of microseconds, as such a round trip itself does.
const shortRound = 200 * time.Microsecond

// spareProcessor reports whether there is a processor for others while all of so
// many workers stay awake: who answers over so short a path may well be on this
// machine.
func spareProcessor(workers int) bool { return runtime.NumCPU() > workers }

// awaitAck keeps the worker awake for the ACK that connection i's bulk data waits
// for.
func (w *Worker) awaitAck(i uint32) {
	if !w.roomy {
		return
	}
	if rtt := w.machine.Awaited(i); rtt > 0 && rtt <= shortRound {
		w.awake = max(w.awake, w.now+2*rtt)
	}
}
