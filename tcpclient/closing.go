package tcpclient

import (
	"myriad/conntable"
	"myriad/handshake"
)

// closing is how far a worker's end has come.
type closing struct {
	asked bool // nothing new is opened
	done  bool // the connections are gone
}

// What Close asks of a worker.
const (
	closeGently int32 = 1 + iota // FIN for every connection
	closeNow                     // RST for those that are left
)

// checkClosing brings the worker's end forward, once Close has asked for it.
func (w *Worker) checkClosing() {
	wish := w.mail.wish.Load()
	if wish == 0 || w.closing.done {
		return
	}
	if !w.closing.asked {
		w.closing.asked = true
		w.endAll(func(i uint32) { w.closeOne(w.table.ID(i), FinDiscard) })
		w.endQueries(Shutdown)
	}
	if wish == closeNow {
		w.endAll(w.cut)
	}
	w.flush()
	w.transmit.flush(w)
	if len(w.events) == 0 && w.counters.open == 0 && len(w.output) == 0 || wish == closeNow && len(w.events) == 0 {
		w.closing.done = true
		w.closeTap()
		w.mail.shut()
		w.readMail()
		w.publish(true)
		w.retire()
	}
}

// retire says that this worker's connections are gone. Its goroutine goes on
// until those of all the link's workers are: frames of theirs may arrive at
// this one's queue, to be handed over.
func (w *Worker) retire() {
	l := w.link
	if l.active.Add(-1) > 0 {
		return
	}
	for _, other := range w.client.workers[l.first : l.first+l.workers] {
		other.queue.Wake()
	}
}

// endAll calls end for every connection that the application knows of.
func (w *Worker) endAll(end func(i uint32)) {
	for i := range uint32(w.table.Cap()) {
		if e := w.table.At(i); e.State != conntable.Free && !handshake.Over(e) {
			end(i)
		}
	}
}

// cut resets a connection that did not end in time.
func (w *Worker) cut(i uint32) {
	w.machine.Reset(i)
	w.result(i, &handshake.Result{Events: handshake.Failed | handshake.Gone, Reason: Shutdown})
	w.queueOutput(i)
}

// fail ends the worker because its device failed: every connection hears of
// it.
func (w *Worker) fail(err error) {
	c := w.client
	c.mutex.Lock()
	if c.failure == nil {
		c.failure = err
	}
	c.mutex.Unlock()
	if w.closing.done {
		return
	}
	w.closing.asked, w.closing.done = true, true
	defer w.retire()
	defer w.closeTap()
	w.endAll(func(i uint32) {
		w.result(i, &handshake.Result{Events: handshake.Failed | handshake.Gone, Reason: DeviceGone})
	})
	w.endQueries(DeviceGone)
	w.deliver()
	w.mail.shut()
	w.readMail()
	w.deliver()
	w.publish(true)
}

func (w *Worker) closeTap() {
	if w.tap != nil {
		w.tap.close()
		w.tap = nil
	}
}
