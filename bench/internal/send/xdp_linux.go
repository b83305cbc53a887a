package send

import (
	"time"

	"myriad/iobackend"
)

// xdpSender sends by AF_XDP. The device belongs to the caller.
type xdpSender struct {
	queue  iobackend.Queue
	frames frames
	slots  []iobackend.Frame
}

func newXDPSender(c *Config, k int, f frames) *xdpSender {
	return &xdpSender{queue: c.Device.Queue(k), frames: f, slots: make([]iobackend.Frame, c.Batch)}
}

func (s *xdpSender) send(count int) (sent, refused int, err error) {
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

func (s *xdpSender) close() error { return nil }
