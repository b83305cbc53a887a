package simlink

import (
	"myriad/internal/gso"
	"myriad/iobackend"
)

var _ iobackend.Segmenter = (*Queue)(nil)

// SegmentMax is the longest IP packet that TransmitSegments takes: none, unless
// EndConfig.Segments is set.
func (q *Queue) SegmentMax() int {
	if !q.end.config.Segments {
		return 0
	}
	return gso.PacketMax
}

// TransmitSegments cuts one long segment into frames and sends them.
func (q *Queue) TransmitSegments(pieces [][]byte, size int) (failure error) {
	q.join = q.join[:0]
	for _, p := range pieces[1:] {
		q.join = append(q.join, p...)
	}
	scratch := make([]byte, len(pieces[0])+size)
	gso.Cut(pieces[0], q.join, size, scratch, func(frame []byte) {
		v := q.end.examine(frame)
		defer q.lock().Unlock()
		if err := q.sendOut(frame, v); err != nil {
			failure = err
		}
	})
	return failure
}
