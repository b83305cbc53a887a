package bare

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/wire"
	"myriad/internal/testbed"
	"myriad/iobackend"
	"myriad/iobackend/afxdp"
)

// lossless runs again where the rings between the two ends had no room for a frame,
// which on a busy machine nobody may have emptied in time: the loop has no state, and
// sends nothing again.
func lossless(t *testing.T, c Config, reply []byte) (r Result, came wire.Arrivals) {
	for range 5 {
		r, came = overWireWith(t, c, reply, true)
		lost := came.LostToFarEnd + came.LostFromFarEnd + r.Counters.DropRingFull + r.Counters.DropFillEmpty
		if lost == 0 {
			break
		}
		t.Logf("%d frames were lost on the wire", lost)
	}
	return r, came
}

// overWireWith runs against a far end that verifies our checksums or not.
func overWireWith(t testing.TB, c Config, reply []byte, verify bool) (Result, wire.Arrivals) {
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
	c.Sources, c.Targets, c.Port, c.Gateway = wire.Sources, wire.Targets, wire.Port, world.Gateway
	c.Window, c.Batch = 4096, 256
	if c.Duration == 0 {
		c.Duration = time.Minute
	}
	result, err := Run(t.Context(), device, c)
	require.NoError(t, err)
	came, err := world.Settle(result.Counters.FramesSent)
	require.NoError(t, err)
	return result, came
}

// Both ends count the same, and the far end finds no wrong checksum.
func TestBothEndsAgree(t *testing.T) {
	for name, request := range map[string][]byte{"handshake": nil, "request": bytes.Repeat([]byte("r"), 201)} {
		t.Run(name, func(t *testing.T) {
			var reply []byte
			if request != nil {
				reply = []byte("the reply")
			}
			got, far := lossless(t, Config{Request: request, Duration: 200 * time.Millisecond}, reply)
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

// Each way of connecting sends the frames that it is named after, as many as it
// was told to.
func TestEveryKindOfConnection(t *testing.T) {
	const count = 3001
	for name, c := range map[string]struct {
		config         Config
		ack, data, fin uint64
	}{
		"rst":         {Config{}, count, 0, 0},
		"request":     {Config{Request: make([]byte, 200)}, 0, count, 0},
		"separate":    {Config{Request: make([]byte, 200), Separate: true}, count, count, 0},
		"fin":         {Config{Fin: true}, count, 0, count},
		"request-fin": {Config{Request: make([]byte, 200), Fin: true}, count, count, count},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Limit = count
			got, far := lossless(t, c.config, []byte("the reply"))
			require.EqualValues(t, count, got.Opened)
			require.EqualValues(t, count, got.Completed)
			require.Zero(t, got.Other+got.Wrong)
			require.Zero(t, far.Dropped(), "%+v", far)
			require.EqualValues(t, count, far.SYN)
			require.Equal(t, []uint64{c.ack, c.data, c.fin}, []uint64{far.ACK, far.Data, far.FIN})
		})
	}
}

// A byte that is wrong anywhere is found, unless somebody vouches for it.
func TestWrongChecksumsAreFound(t *testing.T) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	for _, length := range []int{0, 1, 2, 7, 8, 9, 1460} {
		payload := bytes.Repeat([]byte{0xa5}, length)
		s := newShape(mac, mac, flagACK|flagPSH, nil, payload)
		frame := make([]byte, 2048)
		frame = frame[:s.write(frame, 0x0a000001, 0x0a000002, 1024, 80, 7, 9)]
		require.True(t, valid(frame, false), length)
		for at := ipAt; at < len(frame); at += 3 {
			frame[at] ^= 0x10
			require.False(t, valid(frame, false), "%d bytes, %d", length, at)
			require.Equal(t, at >= tcpAt, valid(frame, true), "%d bytes, %d", length, at)
			frame[at] ^= 0x10
		}
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
				r, _ := overWireWith(b, Config{Request: question, Duration: time.Second}, reply, false)
				total.Completed += r.Completed
				total.Elapsed += r.Elapsed
			}
			b.ReportMetric(float64(total.Completed)/total.Elapsed.Seconds(), "connections/s")
		})
	}
}
