package send

import (
	"time"

	"myriad/iobackend"
)

// deviceSender sends by a device of ours, which belongs to the caller.
type deviceSender struct {
	queue  iobackend.Queue
	frames frames
	slots  []iobackend.Frame
}

func newDeviceSender(c *Config, k int, f frames) *deviceSender {
	return &deviceSender{queue: c.Device.Queue(k), frames: f, slots: make([]iobackend.Frame, c.Batch)}
}

func (s *deviceSender) send(count int) (sent, refused int, err error) {
	n := s.queue.Reserve(s.slots[:count])
	if n == 0 { // all under way
		return 0, 0, s.queue.Wait(s.queue.Now() + time.Millisecond)
	}
	for i := range s.slots[:n] {
		b := &s.slots[i].Data
		*b = (*b)[:s.frames.fill(*b)]
	}
	return n, 0, s.queue.Transmit(s.slots[:n])
}

func (s *deviceSender) close() error { return nil }
