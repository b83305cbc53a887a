package pcapfile

import (
	"errors"
	"fmt"
	"io"
	"time"

	"myriad/iobackend"
)

// Device is a device with a tap on it.
type Device struct {
	inner   iobackend.Device
	writer  *Writer
	epoch   time.Time
	queues  []*queue
	handed  handedOver
	owned   bool // the writer is closed with the device
	closed  bool
	failure error
}

var _ iobackend.Device = (*Device)(nil)

// Wrap puts a tap on a device that nobody uses yet: everything it sends and
// receives is written to w. Closing the returned device closes dev, and returns
// what went wrong with the capture.
func Wrap(dev iobackend.Device, w io.Writer, o Options) (iobackend.Device, error) {
	writer, err := NewWriter(w, o)
	if err != nil {
		return nil, err
	}
	d := WrapWriter(dev, writer, o.Epoch)
	d.owned = true
	return d, nil
}

// WrapWriter is Wrap for a Writer that several devices share. Whoever made it
// closes it, after the devices. Epoch is that of Options.
func WrapWriter(dev iobackend.Device, w *Writer, epoch time.Time) *Device {
	if epoch.IsZero() {
		// Round strips the monotonic reading, which would follow the process
		// and not the wall clock.
		epoch = time.Now().Round(0).Add(-dev.Queue(0).Now())
	}
	d := &Device{inner: dev, writer: w, epoch: epoch}
	for i := range dev.Info().Queues {
		d.queues = append(d.queues, &queue{Queue: dev.Queue(i), device: d, index: i})
	}
	d.handed.init()
	return d
}

// Info describes the device below; Method tells of the tap.
func (d *Device) Info() iobackend.Info {
	info := d.inner.Info()
	info.Method += ", captured"
	return info
}

// Queue returns the queue with the given index.
func (d *Device) Queue(index int) iobackend.Queue { return d.queues[index] }

// Link is the inner device's.
func (d *Device) Link() iobackend.LinkState {
	if w, ok := d.inner.(iobackend.Watched); ok {
		return w.Link()
	}
	return iobackend.LinkState{Up: true, MTU: d.inner.Info().MTU}
}

// Unwrap returns the device below.
func (d *Device) Unwrap() iobackend.Device { return d.inner }

// Close closes the device below and flushes the capture.
func (d *Device) Close() error {
	if !d.closed {
		d.closed = true
		end := d.writer.Flush
		if d.owned {
			end = d.writer.Close
		}
		d.failure = errors.Join(d.inner.Close(), end())
	}
	if d.failure != nil {
		return fmt.Errorf("pcapfile: close %s: %w", d.inner.Info().Name, d.failure)
	}
	return nil
}

// queue writes what passes it. What it does not mention passes unseen.
type queue struct {
	iobackend.Queue
	device *Device
	index  int
	pieces [][]byte
}

// Receive writes what it borrows, but for what another queue received before.
func (q *queue) Receive(frames []iobackend.Frame) (count int, at time.Duration, err error) {
	count, at, err = q.Queue.Receive(frames)
	for rest := frames[:count]; len(rest) > 0; {
		packet := firstPacket(rest)
		rest = rest[len(packet):]
		known := false
		for i := range packet {
			known = q.device.handed.remove(q.index, packet[i].Data)
		}
		if !known {
			q.write(at, packet)
		}
	}
	return count, at, err
}

// Transmit writes before it sends, since the bytes are the device's afterwards.
func (q *queue) Transmit(frames []iobackend.Frame) error {
	at := q.Queue.Now()
	for rest := frames; len(rest) > 0; {
		packet := firstPacket(rest)
		rest = rest[len(packet):]
		q.write(at, packet)
	}
	return q.Queue.Transmit(frames)
}

// HandOver notes the piece first, for the other queue may be quick.
func (q *queue) HandOver(frame iobackend.Frame, to int) bool {
	key := q.device.handed.add(to, frame.Data)
	ok := q.Queue.HandOver(frame, to)
	if !ok {
		q.device.handed.undo(key)
	}
	return ok
}

// write adds one packet; the Writer counts what it cannot write.
func (q *queue) write(at time.Duration, packet []iobackend.Frame) {
	q.pieces = q.pieces[:0]
	for i := range packet {
		q.pieces = append(q.pieces, packet[i].Data)
	}
	_ = q.device.writer.WriteFrame(q.device.epoch.Add(at), q.pieces...)
}

// firstPacket cuts the pieces of the first packet from a batch.
func firstPacket(frames []iobackend.Frame) []iobackend.Frame {
	for i := range frames {
		if !frames[i].More {
			return frames[:i+1]
		}
	}
	return frames
}
