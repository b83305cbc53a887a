package tcpclient

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend"
	"myriad/linklayer"
)

// crowded is a device of two queues; all that arrives, arrives on the first.
type crowded struct{ queue crowdedQueue }

type crowdedQueue struct {
	iobackend.Queue
	frames [][]byte
	handed int
}

func (c *crowded) Info() iobackend.Info {
	return iobackend.Info{HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}, MTU: 1500, Queues: 2, FrameBytes: 2048, BatchMax: 256}
}
func (c *crowded) Queue(int) iobackend.Queue { return &c.queue }
func (c *crowded) Close() error              { return nil }
func (c *crowdedQueue) Receive(frames []iobackend.Frame) (int, time.Duration, error) {
	n := min(len(frames), len(c.frames))
	for k := range n {
		frames[k] = iobackend.Frame{Data: c.frames[k]}
	}
	return n, time.Second, nil
}
func (c *crowdedQueue) HandOver(iobackend.Frame, int) bool      { c.handed++; return true }
func (c *crowdedQueue) Release([]iobackend.Frame)               {}
func (c *crowdedQueue) Reserve([]iobackend.Frame) int           { return 0 }
func (c *crowdedQueue) Now() time.Duration                      { return time.Second }
func (c *crowdedQueue) Counters() (none iobackend.Counters)     { return none }
func (c *crowdedQueue) Transmit(frames []iobackend.Frame) error { return nil }

// BenchmarkForeignFrames is what a frame costs the worker on whose queue it
// arrives, when it belongs to another.
func BenchmarkForeignFrames(b *testing.B) {
	for _, payload := range []int{0, 256, 1448} {
		b.Run(fmt.Sprint(payload, " bytes"), func(b *testing.B) {
			device := new(crowded)
			client, err := New(Config{Manual: true, Seed: 1, ConnectionsMax: 1024, Interfaces: []Interface{{
				Device: device, Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/28")}, GatewayMAC: scriptMAC[:],
			}}}, func(*Worker) Handler { return nothing{} })
			require.NoError(b, err)
			require.NoError(b, client.Start())
			path := linklayer.NewPath(scriptMAC, [6]byte{2, 0, 0, 0, 0, 1}, 64, 0)
			segment := linklayer.Segment{Flags: linklayer.ACK, Window: 500, Payload: make([]byte, payload)}
			for range 256 {
				frame := make([]byte, 2048)
				n := linklayer.EmitTCP(frame, &path, linklayer.Mapped(0x0a090001), linklayer.Mapped(0x0a000001), 80, 4001, 1, &segment, 0)
				device.queue.frames = append(device.queue.frames, frame[:n])
			}
			w := client.workers[0]
			b.ReportAllocs()
			for b.Loop() {
				_, err := w.turn()
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(device.queue.handed), "ns/frame")
		})
	}
}
