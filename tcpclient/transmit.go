package tcpclient

import (
	"myriad/handshake"
	"myriad/iobackend"
	"myriad/linklayer"
)

// transmitter keeps a worker's reserved send frames, filled ones first.
type transmitter struct {
	frames   []iobackend.Frame // of them …
	reserved int               // … are ours
	filled   int               // … and these are ready to leave
	sent     int               // in this turn
}

// frame returns the next free send frame, nil when the device has none left:
// what is to be sent waits then.
func (t *transmitter) frame(w *Worker) *iobackend.Frame {
	if t.filled == t.reserved {
		if t.filled > 0 {
			t.push(w)
		}
		t.reserved = w.queue.Reserve(t.frames)
		if t.reserved == 0 {
			w.counters.local[waitFrames]++
			return nil
		}
	}
	return &t.frames[t.filled]
}

// commit sends the frame that frame returned with its first n bytes; partial
// leaves the transport checksum to the device.
func (t *transmitter) commit(w *Worker, n int, partial bool) {
	if n == 0 {
		w.counters.local[dropTooLong]++
		return
	}
	f := &t.frames[t.filled]
	f.Data, f.ChecksumPartial = f.Data[:n], partial
	w.counters.framesSent++
	w.counters.bytesSent += uint64(n)
	t.filled++
}

// push hands the filled frames to the device.
func (t *transmitter) push(w *Worker) {
	if err := w.queue.Transmit(t.frames[:t.filled]); err != nil {
		w.counters.local[transmitErrors]++
	}
	t.sent += t.filled
	t.reserved = copy(t.frames, t.frames[t.filled:t.reserved])
	t.filled = 0
}

// flush ends a turn and returns how many frames it sent.
func (t *transmitter) flush(w *Worker) int {
	if t.filled > 0 {
		t.push(w)
	}
	n := t.sent
	t.sent = 0
	return n
}

// queueOutput notes that connection i may have something to send.
func (w *Worker) queueOutput(i uint32) {
	e := w.table.At(i)
	if e.Flags&handshake.Queued == 0 && e.State != 0 {
		e.Flags |= handshake.Queued
		w.output = append(w.output, i)
	}
}

// flush lets every connection in the list send what it has to.
func (w *Worker) flush() {
	room := w.state.Up // nothing is sent, nor tried, without a link
	if !room {
		return
	}
	w.aheadOfEnds(0)
	for w.next = 0; room && w.next < len(w.output); {
		until := min(w.next+together, len(w.output))
		w.aheadOfEnds(until)
		for room && w.next < until {
			room = w.sendFrom(until)
		}
	}
	// Without a frame the rest keeps its place.
	n := copy(w.output, w.output[w.next:])
	w.output = w.output[:n]
}

// aheadOfEnds has fetched what the end takes of those that end among the next.
func (w *Worker) aheadOfEnds(from int) {
	ends := w.ends[:0]
	for _, i := range w.output[from:min(from+together, len(w.output))] {
		if handshake.Resetting(w.table.At(i).Flags) {
			ends = append(ends, i)
		}
	}
	w.table.AheadOfEnds(ends, w.resting)
}

// sendFrom sends until a place in the list, or until an assertion fails; it
// reports false when the device had no frame.
func (w *Worker) sendFrom(until int) (room bool) {
	room = true
	defer w.contain()
	for ; w.next < until; w.next++ {
		w.inHand = w.output[w.next]
		if !w.send(w.inHand) {
			return false
		}
	}
	return room
}

// send lets connection i send; false when the device has no frame left.
func (w *Worker) send(i uint32) bool {
	e := w.table.At(i)
	if e.State == 0 || e.Flags&handshake.Queued == 0 {
		return true // removed since, or reused
	}
	if handshake.Fresh(e) && !handshake.Resetting(e.Flags) {
		e.Flags &^= handshake.Queued // startNew paces it
		w.rearm(i)
		return true
	}
	if handshake.Resetting(e.Flags) && !handshake.SendsRST(e) {
		w.remove(i)
		return true
	}
	path := w.pathTo(i, e)
	if path == nil {
		return true // parked, or failed
	}
	for !handshake.Quiet(e) {
		frame := w.transmit.frame(w)
		if frame == nil {
			return false
		}
		var flags linklayer.Flags
		if stencil := w.machine.Plain(i, w.now, &w.numbers); stencil != nil {
			flags = stencil.Flags()
			w.emitPlain(i, frame, path, stencil)
		} else if w.machine.Output(i, w.now, &w.out) {
			flags = w.out.Segment.Flags
			w.emit(i, frame, path)
		} else {
			break
		}
		if flags&linklayer.RST != 0 {
			w.remove(i)
			return true
		}
	}
	e.Flags &^= handshake.Queued
	w.machine.Assert(i)
	w.rearm(i)
	w.awaitAck(i)
	return true
}

// emitPlain writes a stencil filled in with w.numbers as a frame.
func (w *Worker) emitPlain(i uint32, frame *iobackend.Frame, path *linklayer.Path, stencil *linklayer.Stencil) {
	e, n := w.table.At(i), &w.numbers
	n.Source, n.Destination, n.SourcePort, n.DestinationPort = w.link.sources.ip4(e.Local), e.Remote, e.LocalPort, e.RemotePort
	n.ID = w.ipIDs.Next()
	w.commit(i, frame, stencil.Emit(frame.Data, path, n))
}

// emit writes w.out as a frame.
func (w *Worker) emit(i uint32, frame *iobackend.Frame, path *linklayer.Path) {
	if w.out.Burst.Size > 0 {
		w.emitBurst(i, path)
		return
	}
	e := w.table.At(i)
	n := linklayer.EmitTCP4(frame.Data, path, w.link.sources.ip4(e.Local), e.Remote, e.LocalPort, e.RemotePort, w.ipIDs.Next(), &w.out.Segment, w.out.Sum)
	w.commit(i, frame, n)
}

// commit sends a frame of connection i with its first n bytes.
func (w *Worker) commit(i uint32, frame *iobackend.Frame, n int) {
	if w.tap != nil && n > 0 {
		w.tap.frame(w.table.ID(i), true, frame.Data[:n], w.now)
	}
	w.transmit.commit(w, n, w.link.partial)
}

// rearm sets the connection's one timer.
func (w *Worker) rearm(i uint32) {
	if at, ok := w.machine.Deadline(i, w.now); ok {
		w.wheel.Arm(i, at)
	} else {
		w.wheel.Disarm(i)
	}
}
