package bare

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/farend"
	"myriad/bench/internal/wire"
	"myriad/internal/testbed"
	"myriad/iobackend"
	"myriad/iobackend/afxdp"
)

// overWire runs against a far end that verifies our checksums or not.
func overWire(t testing.TB, request, reply []byte, verify bool, duration time.Duration) (Result, farend.Counters) {
	testbed.Require(t)
	world, err := wire.New(wire.Config{Queues: 2, Reply: reply, Verify: verify})
	require.NoError(t, err)
	defer world.Close()
	var device iobackend.Device
	require.NoError(t, world.Enter(func() (err error) {
		device, err = afxdp.Open(iobackend.Config{
			Interface: wire.Interface, Addresses: []netip.Prefix{wire.Sources}, Queues: 2,
		})
		return err
	}))
	defer device.Close()
	result, err := Run(t.Context(), device, Config{
		Sources: wire.Sources, Targets: wire.Targets, Port: wire.Port, Gateway: world.Gateway,
		Request: request, Window: 4096, Batch: 256, Duration: duration,
	})
	require.NoError(t, err)
	// What was sent last is still on its way.
	time.Sleep(50 * time.Millisecond)
	counters, err := world.FarEnd.Counters()
	require.NoError(t, err)
	return result, counters
}

// Both ends count the same, and the far end finds no wrong checksum.
func TestBothEndsAgree(t *testing.T) {
	for name, request := range map[string][]byte{"handshake": nil, "request": bytes.Repeat([]byte("r"), 201)} {
		t.Run(name, func(t *testing.T) {
			var reply []byte
			if request != nil {
				reply = []byte("the reply")
			}
			got, far := overWire(t, request, reply, true, 200*time.Millisecond)
			require.NotZero(t, got.Completed)
			require.Equal(t, got.Opened, got.Completed)
			require.Zero(t, got.Other)
			require.Equal(t, got.Opened, far.SYN)
			require.Equal(t, got.Completed, far.RST)
			require.Zero(t, far.Dropped(), "%+v", far)
			if request != nil {
				require.Equal(t, got.Completed, far.Data)
			} else {
				require.Equal(t, got.Completed, far.ACK)
			}
		})
	}
}

// BenchmarkBare gives the connections per second that backend and wire allow.
func BenchmarkBare(b *testing.B) {
	for _, request := range []int{0, 200} {
		name := "handshake"
		var question, reply []byte
		if request > 0 {
			name = "request"
			question, reply = make([]byte, request), make([]byte, 200)
		}
		b.Run(name, func(b *testing.B) {
			var total Result
			for range b.N {
				r, _ := overWire(b, question, reply, false, time.Second)
				total.Completed += r.Completed
				total.Elapsed += r.Elapsed
			}
			b.ReportMetric(float64(total.Completed)/total.Elapsed.Seconds(), "connections/s")
		})
	}
}
