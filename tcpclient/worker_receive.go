package tcpclient

import (
	"myriad/conntable"
	"myriad/handshake"
	"myriad/iobackend"
	"myriad/linklayer"
)

// What became of a frame before the table was asked.
const notMine = -1

// receive handles a batch: every frame is parsed, then the connections are looked
// up, some ahead of those that take their step, so that what the look-up finds
// out of the cache is there by then.
func (w *Worker) receive(frames []iobackend.Frame) {
	if len(frames) == 0 {
		return
	}
	w.keys, w.hashes = w.keys[:0], w.hashes[:0]
	for w.next = 0; w.next < len(frames); {
		from := len(w.keys)
		w.sortFrom(frames[:min(w.next+together, len(frames))])
		w.table.Ahead(w.hashes[from:])
	}
	if w.passed {
		w.passed = false
		w.queue.Release(nil) // the owners need not wait for what we do now
	}
	if len(w.keys) == 0 {
		return
	}
	w.next = 0
	guessed := w.guess(0)
	for done := 0; done < len(w.keys); {
		from, until := done, guessed
		guessed = w.guess(until)
		w.wheel.AheadOfNeighbors(w.guessed[from:until])
		for done = until; w.next < len(frames) && int(w.owners[w.next]) < done; {
			w.segmentsFrom(frames, done)
		}
	}
}

// together is how many connections are looked up, opened or ended ahead of those
// that are being dealt with.
const together = conntable.Together

// guess looks the next keys up, as far as it goes without waiting, and returns
// where it stopped.
func (w *Worker) guess(from int) (until int) {
	until = min(from+together, len(w.keys))
	some := w.guessed[from:until]
	w.table.Guess(w.keys[from:until], w.hashes[from:until], some)
	w.wheel.Ahead(some)
	return until
}

// sortFrom sorts frames until the end, or until an assertion fails.
func (w *Worker) sortFrom(frames []iobackend.Frame) {
	defer w.contain()
	w.inHand = conntable.None
	for w.next < len(frames) {
		k := w.next
		w.next++
		w.owners[k] = notMine
		w.owners[k] = w.sort(&frames[k], &w.packets[k])
	}
}

// segmentsFrom handles the segments of the keys before known, or those until an
// assertion fails.
func (w *Worker) segmentsFrom(frames []iobackend.Frame, known int) {
	defer w.contain()
	for w.next < len(frames) && int(w.owners[w.next]) < known {
		k := w.next
		w.next++
		if o := w.owners[k]; o != notMine {
			w.inHand = w.table.Confirm(&w.keys[o], w.hashes[o], w.guessed[o])
			w.segment(w.inHand, &w.packets[k], frames[k].Data)
		}
	}
}

// sort parses a frame. A segment for this worker gets a place among the keys,
// which is returned; everything else is dealt with here.
func (w *Worker) sort(f *iobackend.Frame, p *linklayer.Packet) int32 {
	w.counters.framesReceived++
	w.counters.bytesReceived += uint64(len(f.Data))
	if f.More || f.Data == nil {
		w.counters.local[dropJumbo]++
		return notMine
	}
	if w.passOn(f) {
		return notMine
	}
	drop := linklayer.Parse(f.Data, f.ChecksumOK, p)
	if drop == linklayer.DropFragment {
		drop = w.reassemble(f, p)
	}
	if drop != linklayer.DropNone {
		w.counters.drops[drop]++
		return notMine
	}
	if p.Kind == linklayer.KindTCP {
		return w.sortTCP(f, p)
	}
	if p.Kind == linklayer.KindUDP {
		w.sortUDP(f, p)
		return notMine
	}
	w.control(f, p)
	return notMine
}

func (w *Worker) sortTCP(f *iobackend.Frame, p *linklayer.Packet) int32 {
	local, ours := w.link.sources.index(&p.Destination)
	if !ours {
		w.counters.local[dropNotOurs]++
		return notMine
	}
	if owner := conntable.Owner(p.DestinationPort, w.link.workers); owner != w.shard {
		w.handOver(f, owner)
		return notMine
	}
	w.keys = append(w.keys, conntable.Key{
		Remote: linklayer.Number(&p.Source), RemotePort: p.SourcePort, LocalPort: p.DestinationPort, Local: local,
	})
	w.hashes = append(w.hashes, w.table.Hash(&w.keys[len(w.keys)-1]))
	return int32(len(w.keys) - 1)
}

// passOn hands over a frame that another worker owns, before anything else is
// done for it: a worker on whose queue the frames of others arrive has enough to
// do, and they parse it in any case. It reports whether the frame was dealt with.
func (w *Worker) passOn(f *iobackend.Frame) bool {
	if w.link.workers == 1 {
		return false
	}
	protocol, port, ok := linklayer.PeekPort(f.Data)
	if !ok || protocol == linklayer.ProtocolUDP && w.datagrams == nil {
		return false
	}
	owner := conntable.Owner(port, w.link.workers)
	if owner == w.shard {
		return false
	}
	w.handOver(f, owner)
	return true
}

// handOver gives the frame to the worker that owns its connection. The clone
// of a reassembled datagram cannot be given away: it is dropped by name.
func (w *Worker) handOver(f *iobackend.Frame, owner int) {
	if f.Handle == reassembledHandle || !w.queue.HandOver(*f, owner) {
		w.counters.local[dropHandOver]++
		return
	}
	// It counts where it is handled.
	w.counters.framesReceived--
	w.counters.bytesReceived -= uint64(len(f.Data))
	f.Data, w.passed = nil, true
}

// reassembledHandle marks a frame whose bytes are a Reassembler's.
const reassembledHandle = ^uint64(0)

// reassemble adds a fragment; with the last one, p is the whole packet.
func (w *Worker) reassemble(f *iobackend.Frame, p *linklayer.Packet) linklayer.Drop {
	whole, drop := w.fragments.Add(f.Data, w.now)
	if whole == nil {
		return drop
	}
	return linklayer.Parse(whole, false, p)
}

// segment is one TCP segment's way through its connection.
func (w *Worker) segment(i uint32, p *linklayer.Packet, frame []byte) {
	if i == conntable.None || w.table.At(i).State == conntable.Free {
		w.unknown(p)
		return
	}
	if w.tap != nil {
		w.tap.frame(w.table.ID(i), false, frame, w.now)
	}
	r := w.machine.Step(i, &p.Segment, w.now)
	if r.Events&handshake.Reply != 0 {
		w.reply(p, &w.machine.Reply, &w.stale)
	}
	w.result(i, &r)
	w.queueOutput(i)
	if w.machine.MustReport(i) && !handshake.Resetting(w.table.At(i).Flags) {
		w.send(i)
	}
}

// unknown answers a segment for no connection, within a rate of its own, so
// that a flood of them costs neither us nor a forged sender.
func (w *Worker) unknown(p *linklayer.Packet) {
	w.counters.local[dropNoConnection]++
	var out linklayer.Segment
	if !handshake.ReplyUnknown(&p.Segment, &out) {
		return
	}
	w.reply(p, &out, &w.refusals)
}

// reply sends a RST back to where a segment came from, within a rate.
func (w *Worker) reply(p *linklayer.Packet, out *linklayer.Segment, within *bucket) {
	if !linklayer.IsUnicast(p.Source) {
		return
	}
	if !within.take(w.now, w.ipIDs) {
		w.counters.local[heldRefusal]++
		return
	}
	frame := w.transmit.frame(w)
	if frame == nil {
		w.counters.local[heldRefusal]++
		return
	}
	path := w.link.pathTo(p.EthSource)
	n := linklayer.EmitTCP(frame.Data, &path, p.Destination, p.Source, p.DestinationPort, p.SourcePort, w.ipIDs.Next(), out, 0)
	w.transmit.commit(w, n, w.link.partial)
}
