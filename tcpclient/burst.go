package tcpclient

import (
	"myriad/handshake"
	"myriad/iobackend"
	"myriad/linklayer"
)

// burster sends long segments that the device cuts into frames.
type burster struct {
	segmenter iobackend.Segmenter
	headers   [128]byte
	pieces    [1 + handshake.BurstPieces][]byte
}

// startBursts has the state machine make long segments, where the device takes
// them. A trace shows frames, as they are on the wire, and keeps from it.
func (w *Worker) startBursts() {
	if s, ok := w.queue.(iobackend.Segmenter); ok && w.tap == nil {
		w.burst.segmenter = s
		w.machine.SetBurst(s.SegmentMax())
	}
}

// emitBurst sends w.out, after all that was filled before. What the device
// refuses is a loss like any other.
func (w *Worker) emitBurst(i uint32, path *linklayer.Path) {
	e, b, long := w.table.At(i), &w.burst, &w.out.Burst
	n := linklayer.EmitTCPHeaders(b.headers[:], path, w.link.sources.ip4(e.Local), e.Remote, e.LocalPort, e.RemotePort, w.ipIDs.Next(), &w.out.Segment, long.Bytes)
	if n == 0 {
		w.counters.local[dropTooLong]++
		return
	}
	b.pieces[0] = b.headers[:n]
	copy(b.pieces[1:], long.Pieces[:long.Count])
	if w.transmit.filled > 0 {
		w.transmit.push(w)
	}
	if err := b.segmenter.TransmitSegments(b.pieces[:1+long.Count], long.Size); err != nil {
		w.counters.local[transmitErrors]++
		w.machine.SetBurst(0) // frames tell what is the matter, if it was not only that
	}
	frames := (long.Bytes + long.Size - 1) / long.Size
	w.counters.framesSent += uint64(frames)
	w.counters.bytesSent += uint64(long.Bytes + frames*n)
	w.transmit.sent += frames
}
