package simlink

import (
	"fmt"
	"net"
	"time"

	"myriad/iobackend"
)

// Config describes a link. The zero value is two ends with one queue each, no
// impairment, and a virtual clock that starts at 0.
type Config struct {
	// Ends of the link; two with one queue each when empty.
	Ends []EndConfig
	// Seed makes every random choice of the link.
	Seed uint64
	// Start is the instant at which the clock starts.
	Start time.Duration
	// RealTime has the clock follow the wall clock.
	RealTime bool
	// Clock is shared with other links, instead of one of the link's own;
	// Start and RealTime must then be zero.
	Clock *Clock
	// MTU is the largest IP packet in bytes: 1,500.
	MTU int
	// FrameBytes is the size of one piece of frame memory: 2,048. A larger
	// packet is received in several pieces.
	FrameBytes int
	// BatchMax is the largest batch: 256 frames.
	BatchMax int
	// Debug fills frames given back with PoisonByte and panics on misuse.
	Debug bool
}

// EndConfig describes one end.
type EndConfig struct {
	// Name of the device: "sim0", "sim1", and so on.
	Name string
	// HardwareAddr of the device: 02:00:00:00:00:01 and so on.
	HardwareAddr net.HardwareAddr
	// Queues is their number: 1.
	Queues int
	// Steer chooses the queue on which a frame arrives; queue 0 when nil. It
	// is called with the clock's lock held and must call nothing of simlink.
	Steer func(frame []byte, queues int) int
	// ReceiveHash is what the end's Info says of its steering, and, where Steer
	// is nil, how it steers.
	ReceiveHash *iobackend.ReceiveHash
	// ReceiveFrames and SendFrames are the frames per queue: 4,096 each.
	ReceiveFrames, SendFrames int
	// HandOverFrames bounds the frames handed over to one queue and not yet
	// received there: 1,024.
	HandOverFrames int
	// ChecksumOK vouches for every frame that arrives as it was sent.
	ChecksumOK bool
	// Segments has the end cut long TCP segments into frames, as a device with
	// segmentation offload does (iobackend.Segmenter).
	Segments bool
	// Impairments of what this end sends.
	Impairments Impairments
}

// Impairments are what happens to the frames of one direction.
type Impairments struct {
	// Loss, Reorder, Duplicate and Corrupt are probabilities per frame, each
	// drawn for itself.
	Loss, Reorder, Duplicate, Corrupt float64
	// ReorderDelay is what a reordered frame arrives later than it would
	// have, so that those behind it overtake it: 1 ms.
	ReorderDelay time.Duration
	// CorruptBits is how many bits of a corrupted frame are flipped: 1, which
	// the Internet checksum always finds (more, not always).
	CorruptBits int
	// Delay is how long every frame travels. Jitter adds up to as much again,
	// evenly spread, without changing the order.
	Delay, Jitter time.Duration
	// RateBPS is the bits per second that leave the end, counted from the
	// Ethernet header to the payload's end; 0 is without limit.
	RateBPS uint64
	// QueueFrames and QueueBytes bound what waits in front of RateBPS, the
	// frame being sent included; the newest is dropped. 1,000 frames when both
	// are 0.
	QueueFrames, QueueBytes int
}

const (
	ethernetHeaderBytes = 14
	frameOverheadBytes  = 18 // Ethernet header and one VLAN tag
	reorderDelayDefault = time.Millisecond
	queueFramesDefault  = 1000
)

func defaultTo(value *int, standard int) {
	if *value == 0 {
		*value = standard
	}
}

// withDefaults fills in what is zero; the caller's slices stay as they are.
func (c Config) withDefaults() Config {
	defaultTo(&c.MTU, 1500)
	defaultTo(&c.FrameBytes, 2048)
	defaultTo(&c.BatchMax, 256)
	ends := make([]EndConfig, 2)
	if len(c.Ends) > 0 {
		ends = append([]EndConfig(nil), c.Ends...)
	}
	for i := range ends {
		e := &ends[i]
		if e.Name == "" {
			e.Name = fmt.Sprintf("sim%d", i)
		}
		if e.HardwareAddr == nil {
			e.HardwareAddr = net.HardwareAddr{2, 0, 0, 0, byte((i + 1) >> 8), byte(i + 1)}
		}
		defaultTo(&e.Queues, 1)
		defaultTo(&e.ReceiveFrames, 4096)
		defaultTo(&e.SendFrames, 4096)
		defaultTo(&e.HandOverFrames, 1024)
		if e.Steer == nil && e.ReceiveHash != nil {
			e.Steer, _ = steerBy(e.ReceiveHash) // validate says why it cannot
		}
		if e.Steer == nil {
			e.Steer = SteerFirst
		}
	}
	c.Ends = ends
	return c
}

func (c *Config) validate() error {
	if c.Clock != nil && (c.RealTime || c.Start != 0) {
		return fmt.Errorf("Config.Clock is given: RealTime and Start must be zero, set them where the clock is made")
	}
	if len(c.Ends) < 2 {
		return fmt.Errorf("Config.Ends has %d elements: a link has at least 2", len(c.Ends))
	}
	if c.Start < 0 {
		return fmt.Errorf("Config.Start %v is before 0", c.Start)
	}
	if c.MTU < 68 || c.MTU > 65535 {
		return fmt.Errorf("Config.MTU %d is not within 68 and 65535", c.MTU)
	}
	if c.FrameBytes < 64 || c.FrameBytes > 1<<20 {
		return fmt.Errorf("Config.FrameBytes %d is not within 64 and %d", c.FrameBytes, 1<<20)
	}
	if c.BatchMax < c.piecesMax() {
		return fmt.Errorf("Config.BatchMax %d is less than the %d pieces of one packet", c.BatchMax, c.piecesMax())
	}
	for i := range c.Ends {
		if err := c.Ends[i].validate(c); err != nil {
			return fmt.Errorf("Config.Ends[%d].%w", i, err)
		}
	}
	return nil
}

func (e *EndConfig) validate(c *Config) error {
	switch {
	case len(e.HardwareAddr) != 6:
		return fmt.Errorf("HardwareAddr %v has %d bytes, not 6", e.HardwareAddr, len(e.HardwareAddr))
	case e.Queues < 1 || e.Queues > 1024:
		return fmt.Errorf("%s %d is not within 1 and 1024", "Queues", e.Queues)
	case e.ReceiveFrames < c.piecesMax():
		return fmt.Errorf("ReceiveFrames %d is less than the %d pieces of one packet", e.ReceiveFrames, c.piecesMax())
	case e.SendFrames < 1:
		return fmt.Errorf("SendFrames %d is less than 1", e.SendFrames)
	case e.HandOverFrames < c.piecesMax():
		return fmt.Errorf("HandOverFrames %d is less than the %d pieces of one packet", e.HandOverFrames, c.piecesMax())
	}
	if e.ReceiveHash != nil {
		if _, err := steerBy(e.ReceiveHash); err != nil {
			return fmt.Errorf("ReceiveHash: %w", err)
		}
	}
	if err := e.Impairments.validate(); err != nil {
		return fmt.Errorf("Impairments.%w", err)
	}
	return nil
}

func (m *Impairments) validate() error {
	for _, p := range []struct {
		name  string
		value float64
	}{{"Loss", m.Loss}, {"Reorder", m.Reorder}, {"Duplicate", m.Duplicate}, {"Corrupt", m.Corrupt}} {
		if !(p.value >= 0 && p.value <= 1) { // NaN is refused too
			return fmt.Errorf("%s %v is not a probability within 0 and 1", p.name, p.value)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"ReorderDelay", m.ReorderDelay}, {"Delay", m.Delay}, {"Jitter", m.Jitter}} {
		if d.value < 0 {
			return fmt.Errorf("%s %v is less than 0", d.name, d.value)
		}
	}
	if m.CorruptBits < 0 || m.QueueFrames < 0 || m.QueueBytes < 0 {
		return fmt.Errorf("CorruptBits %d, QueueFrames %d, QueueBytes %d: none may be less than 0",
			m.CorruptBits, m.QueueFrames, m.QueueBytes)
	}
	return nil
}

// piecesMax is the number of pieces of the largest packet.
func (c *Config) piecesMax() int {
	return (c.MTU + frameOverheadBytes + c.FrameBytes - 1) / c.FrameBytes
}
