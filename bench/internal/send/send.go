package send

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"myriad/bench/internal/usage"
	"myriad/iobackend"
)

// LiveMethod sends by Config.Device, too, batches by live frames; Linux alone has it.
const LiveMethod = "live"

// UsesBatch reports whether a method sends several frames in one call.
func UsesBatch(method string) bool { return method != "raw" && method != "packet" }

// Config describes a run.
type Config struct {
	Method string
	// Interface to send on (a raw socket on Windows is told by Source); Gateway
	// is who the frames go to.
	Interface *net.Interface
	Gateway   net.HardwareAddr
	// Device is for DeviceMethod only.
	Device iobackend.Device
	// Source is our address, Targets those sent to.
	Source  netip.Addr
	Targets netip.Prefix
	// Unique gives each frame another destination, source port and destination port.
	Unique     bool
	FrameBytes int // with the check sequence
	Batch      int // frames in one call
	Queues     int
	// Count is the number of frames for each queue; Duration how long to
	// send when Count is 0.
	Count    int
	Duration time.Duration
	// Rate is the frames per second to send, over all queues, by the clock and
	// whatever becomes of them; 0 is as many as possible.
	Rate float64
	// Sleep has the sender sleep until the next frames are due, where it would
	// otherwise poll for the last of it to be on time: for who measures what the
	// sending takes.
	Sleep bool
	// ByFlow has the device's queue that a frame of packet and packet-batch leaves by
	// chosen by its addresses and ports, as for a socket of TCP. Otherwise it is that
	// of the processor which sends, and a receiver sees all on one of its queues.
	ByFlow bool
	// FirstCPU is the index of the first queue's processor among those that
	// the process may use.
	FirstCPU int
	// Enter runs a function where the interface is.
	Enter func(func() error) error
}

// Result is what a run measured.
type Result struct {
	Elapsed       time.Duration
	Sent, Refused uint64
	Process       usage.CPU
	Machine       usage.Whole
}

// The sizes of frames that Ethernet allows.
const (
	FrameMin = 64
	FrameMax = 1518
	checkSum = 4 // bytes that the device appends
)

// BatchMax is the most frames that one call may be asked to send.
const BatchMax = 4096

func (c *Config) validate() error {
	switch {
	case !slices.Contains(Methods, c.Method):
		return fmt.Errorf("send: Method %q is none of %s", c.Method, strings.Join(Methods, ", "))
	case c.FrameBytes < FrameMin || c.FrameBytes > FrameMax:
		return fmt.Errorf("send: FrameBytes %d is not within %d to %d", c.FrameBytes, FrameMin, FrameMax)
	case c.Batch < 1 || c.Batch > BatchMax:
		return fmt.Errorf("send: Batch %d is not within 1 to %d", c.Batch, BatchMax)
	case c.Queues < 1:
		return fmt.Errorf("send: Queues %d is below 1", c.Queues)
	case c.Rate < 0 || c.FirstCPU < 0:
		return fmt.Errorf("send: Rate %v and FirstCPU %d: neither may be below 0", c.Rate, c.FirstCPU)
	case c.Count < 1 && c.Duration <= 0:
		return fmt.Errorf("send: Count %d and Duration %v: one must end the run", c.Count, c.Duration)
	}
	return nil
}
