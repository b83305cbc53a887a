package afpacket

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"myriad/internal/gso"
	"myriad/iobackend"
)

var _ iobackend.Segmenter = (*Queue)(nil)

// SegmentMax is the longest IP packet that TransmitSegments takes.
func (q *Queue) SegmentMax() int {
	if q.long == nil {
		return 0
	}
	return gso.PacketMax
}

// TransmitSegments sends one long segment; see iobackend.Segmenter.
func (q *Queue) TransmitSegments(pieces [][]byte, size int) error {
	if err := q.device.failed("transmit"); err != nil {
		return err
	}
	if q.long == nil {
		return fmt.Errorf("afpacket: transmit segments: %s: %w", q.device.name, iobackend.ErrNotSupported)
	}
	frames, bytes := gso.Frames(pieces, size)
	err := q.long.Send(pieces, size)
	q.counts.kicks.Add(1)
	if err == nil {
		q.counts.framesSent.Add(frames)
		q.counts.bytesSent.Add(bytes)
		return nil
	}
	q.counts.dropTransmit.Add(frames)
	switch {
	case errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		q.device.checkLink(q.fd)
		return q.device.failed("transmit")
	case gso.Busy(err):
		return nil
	}
	return fmt.Errorf("afpacket: transmit segments: %s: %w", q.device.name, err)
}
