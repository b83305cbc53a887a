package afxdp

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"myriad/internal/gso"
	"myriad/iobackend"
)

var _ iobackend.Segmenter = (*queue)(nil)

// openSegments gives the queues a way to send long segments, where the kernel
// has to copy what it sends anyway: it then costs one buffer and one pass for
// many frames. A device that reads the UMEM itself has no use for it.
func (d *device) openSegments(ifindex int) {
	for _, q := range d.queues {
		if q.sockets[0].zeroCopy {
			continue
		}
		if s, err := gso.Open(ifindex); err == nil {
			q.long = s // without the right to it there is none, to no harm
		}
	}
}

// SegmentMax is the longest IP packet that TransmitSegments takes.
func (q *queue) SegmentMax() int {
	if q.long == nil {
		return 0
	}
	return gso.PacketMax
}

// TransmitSegments sends one long segment; see iobackend.Segmenter.
func (q *queue) TransmitSegments(pieces [][]byte, size int) error {
	d := q.device
	if d.closed.Load() || d.gone.Load() {
		return d.check()
	}
	if q.long == nil {
		return fmt.Errorf("afxdp: transmit segments: %q: %w", d.plan.name, iobackend.ErrNotSupported)
	}
	if q.pending {
		if err := q.kick(); err != nil { // those before it first
			return err
		}
	}
	frames, bytes := gso.Frames(pieces, size)
	err := q.long.Send(pieces, size)
	q.counters.kicks.Add(1)
	if err == nil {
		q.counters.framesSent.Add(frames)
		q.counters.bytesSent.Add(bytes)
		return nil
	}
	q.counters.dropTransmit.Add(frames)
	switch {
	case errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return q.inspect()
	case gso.Busy(err):
		return nil
	}
	return fmt.Errorf("afxdp: transmit segments: %q: %w", d.plan.name, err)
}
