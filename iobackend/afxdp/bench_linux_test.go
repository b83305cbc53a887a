package afxdp

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"myriad/internal/testbed"
	"myriad/iobackend"
	"myriad/linklayer"
)

// farProgram drops every frame, or sends it back with the IPv4 addresses
// exchanged.
func farProgram(b testing.TB, bounce bool) *ebpf.Program {
	b.Helper()
	drop := asm.Instructions{asm.Mov.Imm(asm.R0, xdpDrop).WithSymbol("drop"), asm.Return()}
	back := asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, 0, asm.Word), // data
		asm.LoadMem(asm.R3, asm.R1, 4, asm.Word), // data_end
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, 34),
		asm.JGT.Reg(asm.R4, asm.R3, "drop"),
		asm.LoadMem(asm.R4, asm.R2, 26, asm.Word),
		asm.LoadMem(asm.R5, asm.R2, 30, asm.Word),
		asm.StoreMem(asm.R2, 26, asm.R5, asm.Word),
		asm.StoreMem(asm.R2, 30, asm.R4, asm.Word),
		asm.Mov.Imm(asm.R0, 3), // XDP_TX
		asm.Return(),
	}
	if !bounce {
		back = nil
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: append(back, drop...)})
	require.NoError(b, err)
	b.Cleanup(func() { _ = p.Close() })
	return p
}

// pin keeps the goroutine on one processor.
func pin(cpu int) {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(cpu)
	_ = unix.SchedSetaffinity(0, &set)
}

func benchWorld(b *testing.B, bounce bool, c iobackend.Config, o Options) iobackend.Device {
	w := newWorld(b, testbed.VethConfig{Queues: 2})
	require.NoError(b, w.far.AttachXDP("far0", farProgram(b, bounce)))
	d := w.openNear(c, o)
	b.Cleanup(func() {
		dropped := uint64(0)
		for i := range d.Info().Queues {
			n := d.Queue(i).Counters()
			dropped += n.DropFillEmpty + n.DropRingFull + n.DropInvalid + n.DropTransmit
		}
		b.ReportMetric(float64(dropped), "dropped")
	})
	return d
}

// BenchmarkTransmit sends frames to a far end that drops them, in batches.
func BenchmarkTransmit(b *testing.B) {
	for name, o := range map[string]Options{"afxdp": {}, "live": {Live: true}} {
		for _, size := range []int{64, 1514} {
			for _, batch := range []int{8, 16, 64, 256} {
				b.Run(fmt.Sprintf("%s/%d bytes/%d frames", name, size, batch), func(b *testing.B) {
					transmit(b, benchWorld(b, false, iobackend.Config{}, o).Queue(0), size, batch)
				})
			}
		}
	}
}

func transmit(b *testing.B, q iobackend.Queue, size, batch int) {
	pin(0)
	frames := make([]iobackend.Frame, batch)
	b.ResetTimer()
	for sent := 0; sent < b.N; {
		n := q.Reserve(frames)
		for i := range frames[:n] {
			datagram(frames[i].Data, farDst, 1, 64)
			frames[i].Data = frames[i].Data[:size]
		}
		require.NoError(b, q.Transmit(frames[:n]))
		sent += n
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
}

// BenchmarkChecksum sends TCP segments whose sums we make, whose sums are left to
// the device (a veth, which passes them on), or to the kernel (a veth whose
// offload is off). An application's payload lies elsewhere, and is copied in.
func BenchmarkChecksum(b *testing.B) {
	for _, bytes := range []int{256, 512, 1024, 1448, 3400} {
		for _, by := range []string{"us", "device", "kernel"} {
			b.Run(fmt.Sprintf("%d bytes/%s", bytes, by), func(b *testing.B) {
				w := newOffloadingWorld(b, testbed.VethConfig{Queues: 1, MTU: 3500})
				c := offload
				switch by {
				case "us":
					c.TransmitChecksum = iobackend.OffloadOff
				case "kernel": // before the far program takes segmentation away
					require.NoError(b, w.near.DisableOffloads("near0"))
				}
				require.NoError(b, w.far.AttachXDP("far0", farProgram(b, false)))
				segments(b, w.openNear(c, Options{}), bytes)
			})
		}
	}
}

func segments(b *testing.B, d iobackend.Device, bytes int) {
	pin(0)
	q, partial := d.Queue(0), d.Info().TransmitChecksum
	path := linklayer.NewPath([6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}, 64, 0)
	if partial {
		path = path.WithPartialChecksum()
	}
	const payloads = 1024 // more than the nearest cache holds
	memory := make([]byte, payloads*bytes)
	from, to := nearDst.As16(), farDst.As16()
	frames := make([]iobackend.Frame, 64)
	b.ResetTimer()
	for sent := 0; sent < b.N; {
		n := q.Reserve(frames)
		for i := range frames[:n] {
			at := (sent + i) % payloads * bytes
			g := linklayer.Segment{Flags: linklayer.ACK, Window: 500, Payload: memory[at : at+bytes]}
			f := &frames[i]
			f.Data, f.ChecksumPartial = f.Data[:linklayer.EmitTCP(f.Data, &path, from, to, 4000, 80, 7, &g, 0)], partial
		}
		require.NoError(b, q.Transmit(frames[:n]))
		sent += n
	}
}

// BenchmarkBounce sends 64-byte frames to a far end that sends them back.
func BenchmarkBounce(b *testing.B) {
	small := iobackend.Config{ReceiveFrames: 512, SendFrames: 512}
	for _, c := range []struct {
		name    string
		config  iobackend.Config
		options Options
		queues  int
	}{
		{"1 queue", iobackend.Config{}, Options{}, 1},
		{"2 queues", iobackend.Config{}, Options{}, 2},
		{"no timestamps", iobackend.Config{}, Options{NoTimestamps: true}, 1},
		{"separate UMEM", iobackend.Config{}, Options{SeparateUMEM: true}, 1},
		{"512 frames", small, Options{}, 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := benchWorld(b, true, c.config, c.options)
			b.ResetTimer()
			lost := make(chan int)
			for i := range c.queues {
				go func() {
					pin(i) // what a queue sends comes back on its own processor
					lost <- bounceMany(d.Queue(i), b.N/c.queues)
				}()
			}
			total := 0
			for range c.queues {
				total += <-lost
			}
			b.ReportMetric(float64(b.N-total)/b.Elapsed().Seconds(), "frames/s")
			b.ReportMetric(float64(total), "lost")
		})
	}
}

// bounceMany sends count frames and returns how many never came back.
func bounceMany(q iobackend.Queue, count int) (lost int) {
	out, in := make([]iobackend.Frame, 128), make([]iobackend.Frame, 256)
	sent, got := 0, 0
	quiet := q.Now() + time.Second
	for got < count && q.Now() < quiet {
		n := q.Reserve(out[:min(len(out), count-sent)])
		for i := range out[:n] {
			d := out[i].Data[:64]
			datagram(d, farDst, 1, 64)
			copy(d[26:], []byte{10, 78, 1, 2})
			out[i].Data = d
		}
		if q.Transmit(out[:n]) != nil {
			return count - got
		}
		sent += n
		n, at, err := q.Receive(in)
		if err != nil {
			return count - got
		}
		if n > 0 {
			quiet = at + time.Second
		}
		q.Release(in[:n])
		got += n
	}
	return sent - got
}

// BenchmarkSPSC passes words to a goroutine on another processor that looks for
// them all the time, so many together.
func BenchmarkSPSC(b *testing.B) {
	for _, together := range []int{1, 4, 16, 64, 256} {
		b.Run(fmt.Sprint(together, " together"), func(b *testing.B) {
			r := newSPSC(4096)
			var stop atomic.Bool
			var done sync.WaitGroup
			done.Go(func() {
				pin(1)
				for !stop.Load() {
					for range r.waiting() {
						r.take()
					}
					r.done()
				}
			})
			pin(0)
			for k := range b.N {
				for !r.room(1) {
				}
				r.stage(uint64(k))
				if k%together == together-1 {
					r.publish()
				}
			}
			stop.Store(true)
			done.Wait()
		})
	}
}
