package scan

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend"
)

// nowhere is a device that takes everything at once and brings nothing.
type nowhere struct {
	fake
	memory []byte
	free   int
}

func (n *nowhere) Queue(int) iobackend.Queue { return n }
func (n *nowhere) Reserve(frames []iobackend.Frame) int {
	const size = 2048
	for k := range frames {
		if n.free += size; n.free == len(n.memory) {
			n.free = 0
		}
		frames[k].Data = n.memory[n.free : n.free+size : n.free+size]
	}
	return len(frames)
}
func (n *nowhere) Transmit([]iobackend.Frame) error { return nil }

// endless is a scan of every port of 65,536 addresses towards nowhere.
func endless(t testing.TB) (*nowhere, *Worker, iobackend.Queue) {
	ports := make([]uint16, 65535)
	for k := range ports {
		ports[k] = uint16(k + 1)
	}
	space, err := NewSpace(prefixes("198.18.0.0/16"), ports, 3)
	require.NoError(t, err)
	device := &nowhere{memory: make([]byte, 256*2048)} // as much as AF_XDP takes in turns
	s, err := New(Config{
		Device: device, Sources: prefixes("192.0.2.0/28"), PortMin: 32768, PortMax: 65535, GatewayMAC: net.HardwareAddr(theirMAC[:]),
		Space: space, Protocol: TCP, Key: [2]uint64{1, 2}, Shards: 1, Batch: 256, Timeout: time.Second,
		Result: func(int, *Result) {},
	})
	require.NoError(t, err)
	return device, s.workers[0], s.Device().Queue(0)
}

func TestTurnsDoNotAllocate(t *testing.T) {
	device, w, queue := endless(t)
	var frames [256]iobackend.Frame
	require.Zero(t, testing.AllocsPerRun(100, func() {
		device.now += 20 * time.Millisecond // so that targets are settled, too
		_, _, _ = queue.Receive(frames[:])
	}))
	require.NotZero(t, w.counts.Probes)
	require.NotZero(t, w.counts.Targets)
}

// What a SYN costs beside the device: the next target, its cookie, its frame and
// its place in the window.
func BenchmarkProbe(b *testing.B) {
	device, w, queue := endless(b)
	var frames [256]iobackend.Frame
	for before := w.counts.Probes; w.counts.Probes-before < uint64(b.N); {
		device.now += 60 * time.Microsecond
		_, _, _ = queue.Receive(frames[:])
	}
}
