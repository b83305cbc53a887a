package tcpclient

import (
	"myriad/conntable"
	"myriad/iobackend"
)

// watchLink follows what the device notices of its link: without a carrier
// nothing is sent and no timeout counts, and with one again the timers go off
// at once; a smaller MTU makes segments smaller.
func (w *Worker) watchLink() {
	if w.link.watched == nil {
		return
	}
	now := w.link.watched.Link()
	if now == w.state {
		return
	}
	before := w.state
	w.state = now
	w.machine.Freeze(!now.Up)
	if before.Up && !now.Up {
		w.counters.local[linkDown]++
	}
	if now.MTU != before.MTU {
		w.counters.local[mtuChanges]++
		w.followMTU(now)
	}
}

// followMTU changes the segment size: for connections that stand it only gets
// smaller, for new ones it follows up to what it was when the device was
// opened, for which its memory was made.
func (w *Worker) followMTU(now iobackend.LinkState) {
	cfg := &w.client.cfg
	w.machine.SetMSS(max(w.segmentSize(cfg, min(now.MTU, w.link.mtu)), 1))
	for w.next = 0; w.next < w.table.Cap(); {
		w.clampFrom()
	}
}

// clampFrom makes the segments of all connections smaller, or of those until an
// assertion fails.
func (w *Worker) clampFrom() {
	defer w.contain()
	for w.next < w.table.Cap() {
		i := uint32(w.next)
		w.next++
		if w.table.At(i).State != conntable.Free {
			w.inHand = i
			w.machine.ClampMSS(i, w.now)
		}
	}
}
