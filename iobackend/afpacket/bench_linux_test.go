package afpacket

import (
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
	"myriad/iobackend"
)

// reflector is an XDP program that sends IPv4 frames back with addresses
// swapped, which leaves checksums right.
func reflector(t testing.TB) *ebpf.Program {
	t.Helper()
	code := asm.Instructions{
		asm.Mov.Imm(asm.R0, 2), // XDP_PASS
		asm.LoadMem(asm.R2, asm.R1, 0, asm.Word),
		asm.LoadMem(asm.R3, asm.R1, 4, asm.Word),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, 34),
		asm.JGT.Reg(asm.R4, asm.R3, "out"),
		asm.LoadMem(asm.R4, asm.R2, 12, asm.Half),
		asm.JNE.Imm(asm.R4, 0x0008, "out"),
	}
	swap := func(a, b int16, size asm.Size) {
		code = append(code,
			asm.LoadMem(asm.R4, asm.R2, a, size), asm.LoadMem(asm.R5, asm.R2, b, size),
			asm.StoreMem(asm.R2, a, asm.R5, size), asm.StoreMem(asm.R2, b, asm.R4, size))
	}
	for at := int16(0); at < 6; at += 2 {
		swap(at, at+6, asm.Half)
	}
	swap(26, 30, asm.Word)
	code = append(code, asm.Mov.Imm(asm.R0, 3), asm.Return().WithSymbol("out")) // XDP_TX
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, Instructions: code, License: "GPL"})
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

func dropper(t testing.TB) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()}})
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

func fill(frames []iobackend.Frame, packet []byte) {
	for i := range frames {
		frames[i].Data = frames[i].Data[:copy(frames[i].Data, packet)]
	}
}

// BenchmarkTransmit sends to a far end that drops.
func BenchmarkTransmit(b *testing.B) {
	w := newWorld(b, nil)
	require.NoError(b, w.far.AttachXDP("far0", dropper(b)))
	q := w.open(b, iobackend.Config{Queues: 1}).Queue(0)
	packet := w.udp(1, 2, make([]byte, 18))
	var frames [256]iobackend.Frame
	b.ReportAllocs()
	b.ResetTimer()
	for sent := 0; sent < b.N; {
		n := q.Reserve(frames[:min(len(frames), b.N-sent)])
		fill(frames[:n], packet)
		if err := q.Transmit(frames[:n]); err != nil {
			b.Fatal(err)
		}
		sent += n
	}
}

func echoWorld(b *testing.B) (*world, iobackend.Queue) {
	w := newWorld(b, func(c *testbed.VethConfig) { c.XDPPassNear = true })
	require.NoError(b, w.far.AttachXDP("far0", reflector(b)))
	return w, w.open(b, iobackend.Config{Queues: 1}).Queue(0)
}

// BenchmarkEcho sends and receives everything back.
func BenchmarkEcho(b *testing.B) {
	w, q := echoWorld(b)
	packet := w.udp(1, 2, make([]byte, 18))
	var frames [256]iobackend.Frame
	b.ReportAllocs()
	b.ResetTimer()
	for sent, received := 0, 0; received < b.N; {
		if n := min(len(frames), b.N-sent, 512-(sent-received)); n > 0 {
			n = q.Reserve(frames[:n])
			fill(frames[:n], packet)
			q.Transmit(frames[:n])
			sent += n
		}
		n, at, err := q.Receive(frames[:])
		if err != nil {
			b.Fatal(err)
		}
		q.Release(frames[:n])
		if received += n; n == 0 {
			q.Wait(at + time.Second)
			if q.Now() > at+time.Second {
				b.Fatalf("%d of %d frames came back: %+v", received, sent, q.Counters())
			}
		}
	}
}

// BenchmarkRoundTrip sends one frame and sleeps until it is back: the latency
// of the receive path.
func BenchmarkRoundTrip(b *testing.B) {
	w, q := echoWorld(b)
	packet := w.udp(1, 2, make([]byte, 18))
	var frame [1]iobackend.Frame
	b.ResetTimer()
	for range b.N {
		q.Reserve(frame[:])
		fill(frame[:], packet)
		q.Transmit(frame[:])
		for {
			n, at, err := q.Receive(frame[:])
			if err != nil {
				b.Fatal(err)
			}
			if n == 1 {
				break
			}
			q.Wait(at + time.Second)
		}
		q.Release(frame[:])
	}
}
