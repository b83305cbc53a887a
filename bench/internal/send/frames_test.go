package send

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

func config() Config {
	return Config{
		Method: "packet", Interface: &net.Interface{HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}},
		Gateway: net.HardwareAddr{2, 0, 0, 0, 0, 2}, Source: netip.MustParseAddr("10.83.0.1"),
		Targets: netip.MustParsePrefix("10.84.0.0/24"), FrameBytes: 64, Batch: 1, Queues: 2, Duration: time.Second,
	}
}

// Every frame is whole, its header's checksum is right, and the queues together
// send to each pair of ends once.
func TestFramesAreValidAndUnique(t *testing.T) {
	seen := make(map[string]bool)
	c := config()
	for _, size := range []int{64, 65, 1518} {
		c.FrameBytes, c.Unique = size, true
		clear(seen)
		for queue := range c.Queues {
			f := newFrames(&c, queue)
			b := make([]byte, 2048)
			for range 1000 {
				n := f.fill(b)
				require.Equal(t, size-4, n)
				ip := header.IPv4(b[ipAt:n])
				require.True(t, ip.IsValid(n-ipAt))
				require.True(t, ip.IsChecksumValid())
				require.EqualValues(t, n-ipAt, ip.TotalLength())
				udp := header.UDP(ip.Payload())
				require.EqualValues(t, len(udp), udp.Length())
				key := ip.DestinationAddress().String() + string(udp[:2])
				require.False(t, seen[key])
				seen[key] = true
			}
		}
	}
	c.Unique = false
	f := newFrames(&c, 0)
	a, b := make([]byte, 2048), make([]byte, 2048)
	f.fill(a)
	f.fill(b)
	require.Equal(t, a, b)
	require.True(t, header.IPv4(a[ipAt:60]).IsChecksumValid())
}

func TestConfigIsRefused(t *testing.T) {
	good := config()
	require.NoError(t, good.validate())
	for says, spoil := range map[string]func(c *Config){
		`Method "x"`:      func(c *Config) { c.Method = "x" },
		"FrameBytes 63":   func(c *Config) { c.FrameBytes = 63 },
		"FrameBytes 1519": func(c *Config) { c.FrameBytes = 1519 },
		"Batch 0":         func(c *Config) { c.Batch = 0 },
		"Batch 4097":      func(c *Config) { c.Batch = 4097 },
		"Queues 0":        func(c *Config) { c.Queues = 0 },
		"Duration 0s":     func(c *Config) { c.Duration = 0 },
	} {
		c := config()
		spoil(&c)
		require.ErrorContains(t, c.validate(), says)
	}
}
