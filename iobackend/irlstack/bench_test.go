package irlstack

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend"
)

// Frames of 60 bytes down to the stand-in, which sends each back up, by frames
// in a batch: ns/op is per batch, there and back. It measures the stand-in at
// least as much as the backend.
func benchmarkEcho(b *testing.B, open func(b *testing.B, s *StandIn, c iobackend.Config, o Options) iobackend.Device) {
	for batch := 1; batch <= 4096; batch *= 2 {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			c := testConfig()
			c.ReceiveFrames, c.SendFrames = 8192, 8192
			s := &StandIn{Far: echo, RequestBytes: 4096 * Stride(1514)}
			device := open(b, s, c, Options{RequestFrames: max(batch, 8)})
			defer device.Close()
			q := device.Queue(0)
			frames := make([]iobackend.Frame, batch)
			b.ReportAllocs()
			for b.Loop() {
				send(b, q, frames)
				for back := 0; back < batch; {
					n, at, err := q.Receive(frames)
					require.NoError(b, err)
					q.Release(frames[:n])
					if back += n; n == 0 {
						require.NoError(b, q.Wait(at+time.Second))
					}
				}
			}
			b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds()/1e3, "Kframes/s")
			require.Zero(b, q.Counters().DropTransmit+q.Counters().DropInvalid)
		})
	}
}

// send sends a batch, once there are slots for it.
func send(b *testing.B, q iobackend.Queue, frames []iobackend.Frame) {
	count := 0
	for count < len(frames) {
		n := q.Reserve(frames[count:])
		if count += n; n == 0 {
			require.NoError(b, q.Wait(q.Now()+time.Millisecond))
		}
	}
	for k := range frames {
		frames[k].Data = frames[k].Data[:60]
	}
	require.NoError(b, q.Transmit(frames))
}

func BenchmarkStandInMemory(b *testing.B) {
	benchmarkEcho(b, func(b *testing.B, s *StandIn, c iobackend.Config, o Options) iobackend.Device {
		d, err := OpenMemory(&Memory{StandIn: s}, c, o)
		require.NoError(b, err)
		return d
	})
}
