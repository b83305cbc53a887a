package afxdp

import (
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
	"myriad/iobackend"
)

// stampingProgram does what filter_timestamp does with a device whose clock
// stands still at stamp. It stands in for a driver with a clock, which a veth
// is not.
func stampingProgram(t *testing.T, sockets *ebpf.Map, stamp int32) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, AttachType: ebpf.AttachXDP, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.Mov.Imm(asm.R2, -stampBytes),
		asm.FnXdpAdjustMeta.Call(),
		asm.LoadMem(asm.R2, asm.R6, 8, asm.Word), // data_meta
		asm.LoadMem(asm.R3, asm.R6, 0, asm.Word), // data
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, stampBytes),
		asm.JGT.Reg(asm.R4, asm.R3, "pass"),
		asm.Mov.Imm(asm.R7, stamp),
		asm.StoreMem(asm.R2, 0, asm.R7, asm.DWord),
		asm.LoadMapPtr(asm.R1, sockets.FD()),
		asm.LoadMem(asm.R2, asm.R6, 16, asm.Word), // rx_queue_index
		asm.Mov.Imm(asm.R3, xdpPass),
		asm.FnRedirectMap.Call(),
		asm.Return(),
		asm.Mov.Imm(asm.R0, xdpPass).WithSymbol("pass"),
		asm.Return(),
	}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func TestBatchesHaveTheDevicesTime(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 1})
	near := w.openNear(iobackend.Config{}, Options{}).(*device)
	far := w.openFar(iobackend.Config{}, Options{})
	require.True(t, near.stamped.Load(), "the veth driver can be asked")
	require.NoError(t, near.filter.link.Update(stampingProgram(t, near.filter.sockets, 1<<30)))
	q := near.Queue(0)
	frames := make([]iobackend.Frame, 4)
	receive := func() time.Duration {
		sendNumbered(t, far.Queue(0), nearDst, 0, 1, 100)
		for {
			n, at, err := q.Receive(frames)
			require.NoError(t, err)
			if n > 0 {
				q.Release(frames[:n])
				return at
			}
			require.NoError(t, q.Wait(q.Now()+time.Second))
		}
	}
	began := q.Now()
	first := receive()
	for range 2 * stampTrial {
		// The device says that no time has passed, so none has, but for
		// what its clock may drift.
		at := receive()
		drifted := (q.Now() - began) * drift / 1_000_000
		require.InDelta(t, float64(first), float64(at), float64(drifted+time.Millisecond))
	}
	require.True(t, near.stamped.Load(), "it goes on being asked")
	require.Greater(t, q.Now(), first)
}
