package irlstack

import (
	"fmt"

	"myriad/iobackend"
)

// Reserve takes free slots of the send memory.
func (q *Queue) Reserve(frames []iobackend.Frame) (count int) {
	if q.send.size < len(frames) {
		_ = q.collect(0) // a failure shows in the next Receive
	}
	return q.send.reserve(frames)
}

// Transmit gives the driver each run of adjoining slots as one request. Frames
// that cannot be sent are counted and their slots freed.
func (q *Queue) Transmit(frames []iobackend.Frame) error {
	if q.failure != nil {
		q.abandon(frames)
		return fmt.Errorf("irlstack: transmit: %s: %w", q.device.info.Name, q.failure)
	}
	var open run // the request being put together …
	first := 0   // … from this slot on
	last := 0    // length of its last record
	for k := range frames {
		slot, ok := q.prepare(&frames[k])
		if !ok {
			continue
		}
		if open.count > 0 && (slot != first+open.count || open.count == q.device.requestFrames) {
			q.begin(first, open, last)
			open = run{}
		}
		if open.count == 0 {
			first = slot
		}
		size := len(frames[k].Data)
		last = Stride(size)
		open.count++
		open.bytes += size
	}
	if open.count > 0 {
		q.begin(first, open, last)
	}
	q.publish()
	return nil
}

// prepare writes a frame's header; false when it is not to be sent.
func (q *Queue) prepare(f *iobackend.Frame) (slot int, ok bool) {
	if slot, ok = q.send.slot(f); !ok {
		q.counters.DropInvalid++
		return 0, false
	}
	if len(f.Data) < FrameMin || len(f.Data) > q.send.frameBytes || f.More || f.ChecksumPartial && !q.device.info.TransmitChecksum {
		q.counters.DropTransmit++
		q.send.release(slot, 1)
		return 0, false
	}
	var flags uint8
	if f.ChecksumPartial {
		flags = FlagChecksumPartial
	}
	q.send.state[slot] = slotSending
	PutHeader(q.send.memory[slot*q.send.stride:], len(f.Data), q.send.stride, flags)
	return slot, true
}

// begin gives a run to the driver. The last record ends with its frame.
func (q *Queue) begin(first int, r run, last int) {
	at := (first + r.count - 1) * q.send.stride
	setStride(q.send.memory[at:], last)
	q.counters.Kicks++
	err := q.device.driver.write(q.device.writeNumber(first), q.send.request(first, r.count, last))
	if err != nil {
		q.counters.DropTransmit += uint64(r.count)
		q.send.release(first, r.count)
		q.failed(err)
		return
	}
	q.send.run[first] = r
	q.writes++
}

// written ends a request: its slots are free, and what the driver took was
// sent.
func (q *Queue) written(first int, c *completion) {
	r := q.send.run[first]
	q.send.run[first] = run{}
	q.send.release(first, r.count)
	q.writes--
	if c.err != nil {
		q.counters.DropTransmit += uint64(r.count)
		q.failed(c.err)
		return
	}
	q.counters.FramesSent += uint64(r.count)
	q.counters.BytesSent += uint64(r.bytes)
}

// abandon frees reserved frames that will not be sent.
func (q *Queue) abandon(frames []iobackend.Frame) {
	for k := range frames {
		if slot, ok := q.send.slot(&frames[k]); ok {
			q.counters.DropTransmit++
			q.send.release(slot, 1)
		}
	}
	q.publish()
}
