package scan

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"myriad/iobackend"
	"myriad/linklayer"
)

// Config describes a scan.
type Config struct {
	Device iobackend.Device
	// Sources are our addresses.
	Sources []netip.Prefix
	// PortMin and PortMax are the local ports that are ours on them: the first
	// half is the probes', the next eighth the canaries', the rest is left for
	// connections (see ClientPorts).
	PortMin, PortMax uint16
	// Routes say who is next on the way; GatewayMAC, where it is set, is always.
	Routes     []linklayer.Route
	GatewayMAC net.HardwareAddr

	Space    *Space
	Protocol Protocol
	// Payload of UDP probes and echo requests.
	Payload []byte
	// Key of the cookies.
	Key [2]uint64
	// This is shard Shard of Shards, and goes on from From, as Progress returned
	// it. Begin goes on with others.
	Shard, Shards int
	From          Progress

	// Rate is the frames per second, over all queues; 0 is as fast as the
	// device. Batch is the most that leave at once.
	Rate  float64
	Batch int
	// Limits are what one address, and one /24, sees at most.
	Limits Limits
	// Retries is how often a probe without an answer is sent again, each
	// Timeout after the one before.
	Retries int
	Timeout time.Duration
	// Canary has the host of each open TCP port probed at another one.
	Canary bool
	// Banner has a connection made to each open TCP port.
	Banner *BannerConfig
	// All has targets reported that did not answer, too.
	All bool

	// Result takes what a target came to. It is called on the goroutine of the
	// worker with that index, as is Turn, after each turn.
	Result func(worker int, r *Result)
	Turn   func(worker int)
}

// BannerConfig says what is asked of an open port.
type BannerConfig struct {
	// Request is sent when the connection stands; nothing where it is empty.
	Request []byte
	// Bytes ends a connection that has brought as many, Timeout one that lasts
	// as long, all told.
	Bytes   int
	Timeout time.Duration
	// Parallel is the number of connections at a time, per worker.
	Parallel int
}

// BannerMax is the most that a banner or a datagram may bring.
const BannerMax = 64 << 10

// Ports divides the local ports.
type Ports struct {
	Probes, ProbesCount   uint32
	Canary, CanaryCount   uint32
	ClientMin, ClientLast uint16
}

// portsMin is the fewest that can be divided.
const portsMin = 64

// DividePorts divides the ports from least to last.
func DividePorts(least, last uint16) (p Ports, err error) {
	count := uint32(last) + 1 - uint32(least)
	if last < least || count < portsMin {
		return p, fmt.Errorf("scan: local ports %d to %d: at least %d are needed", least, last, portsMin)
	}
	p = Ports{Probes: uint32(least), ProbesCount: count / 2, CanaryCount: count / 8, ClientLast: last}
	p.Canary = p.Probes + p.ProbesCount
	p.ClientMin = uint16(p.Canary + p.CanaryCount)
	return p, nil
}

// windowTime is how much more than the timeouts a window holds, and windowRate
// the rate that is reckoned with where there is no limit.
const (
	windowTime              = 2
	windowRate              = 4e6
	windowLeast, windowMost = 1 << 12, 1 << 26
)

// window is the number of indices in each worker's window.
func (c *Config) window(workers int) int {
	rate := c.Rate
	if rate == 0 {
		rate = windowRate
	}
	wanted := windowTime * rate / float64(workers) * float64(c.Retries+1) * c.Timeout.Seconds()
	return int(min(max(wanted, windowLeast), windowMost))
}

func (c *Config) validate() error {
	switch {
	case c.Shards < 1 || c.Shard < 0 || c.Shard >= c.Shards:
		return fmt.Errorf("scan: Shard %d is not one of %d", c.Shard, c.Shards)
	case c.Batch < 1:
		return fmt.Errorf("scan: Batch %d is below 1", c.Batch)
	case c.Rate < 0 || c.Rate > 0 && c.Rate < 1:
		return fmt.Errorf("scan: Rate %v is neither 0 nor at least 1 a second", c.Rate)
	case !(c.Limits.AddressRate >= 0 && c.Limits.PrefixRate >= 0) || c.Limits.Address < 0 || c.Limits.Prefix < 0:
		return fmt.Errorf("scan: Limits %+v: none may be below 0", c.Limits)
	case c.Retries < 0 || c.Timeout <= 0:
		return fmt.Errorf("scan: Retries %d and Timeout %v: the one must be 0 or more, the other above 0", c.Retries, c.Timeout)
	case c.Protocol != TCP && (c.Banner != nil || c.Canary):
		return fmt.Errorf("scan: Banner and Canary are for TCP, not %v", c.Protocol)
	case c.Banner != nil && (c.Banner.Bytes < 1 || c.Banner.Bytes > BannerMax || c.Banner.Parallel < 1 || c.Banner.Timeout <= 0):
		return fmt.Errorf("scan: Banner: Bytes %d must be 1 to %d, Parallel %d and Timeout %v above 0", c.Banner.Bytes, BannerMax, c.Banner.Parallel, c.Banner.Timeout)
	}
	return nil
}
