package afxdp

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf/link"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"myriad/internal/testbed"
	"myriad/iobackend"
)

// openLive opens a near end that sends by live frames. Its peer must have an
// XDP program by then.
func (w *world) openLive(c iobackend.Config) iobackend.Device {
	w.t.Helper()
	d := w.openNear(c, Options{Live: true})
	require.Contains(w.t, d.Info().Method, "live")
	return d
}

// runs are the system calls that queue q has sent by, so far.
func runs(q iobackend.Queue) uint64 { return q.Counters().Kicks }

// Frames of every length from 54 bytes to the MTU's arrive as they were, in
// their order, in batches that are sent by live frames and in smaller ones.
func TestLiveFramesArriveUnchanged(t *testing.T) {
	for _, mtu := range []int{1500, 3000} {
		t.Run(fmt.Sprint("MTU ", mtu), func(t *testing.T) {
			w := newWorld(t, testbed.VethConfig{Queues: 1, MTU: mtu})
			far := w.openFar(iobackend.Config{}, Options{}).Queue(0)
			near := w.openLive(iobackend.Config{}).Queue(0)
			number := uint64(0)
			out := make([]iobackend.Frame, 100)
			for size := 54; size <= mtu+14; {
				batch := 1 + int(number)%len(out)
				require.Equal(t, batch, near.Reserve(out[:batch]))
				before, shape := runs(near), size
				for i := range out[:batch] {
					out[i].Data = out[i].Data[:datagram(out[i].Data, farDst, number+uint64(i), size)]
					size += 3
					size = min(size, mtu+14)
				}
				require.NoError(t, near.Transmit(out[:batch]))
				require.Greater(t, runs(near), before)
				for i, f := range receiveAll(t, far, batch) {
					require.Len(t, f, min(shape+3*i, mtu+14))
					require.Equal(t, number+uint64(i), requireDatagram(t, f))
				}
				if number += uint64(batch); size == mtu+14 {
					break
				}
			}
			require.Equal(t, number, near.Counters().FramesSent)
			require.Zero(t, near.Counters().DropTransmit)
		})
	}
}

// receiveAll returns copies of the next frames, and releases them.
func receiveAll(t *testing.T, q iobackend.Queue, count int) [][]byte {
	t.Helper()
	frames := receiveSome(t, q, count)
	all := make([][]byte, count)
	for i := range frames {
		all[i] = append([]byte(nil), frames[i].Data...)
	}
	q.Release(frames)
	return all
}

// Small batches do not pay for a run, large ones do; both are one call, however
// the device is driven otherwise.
func TestLiveFramesAreForBatches(t *testing.T) {
	for name, o := range variants {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, twoQ)
			far := w.openFar(iobackend.Config{Queues: 1}, Options{}).Queue(0)
			o.Live = true
			q := w.openNear(iobackend.Config{}, o).Queue(1).(*queue)
			sendNumbered(t, q, farDst, 0, liveMin-1, 60)
			require.EqualValues(t, liveMin-1, q.given)
			sendNumbered(t, q, farDst, 0, 5*liveMin, 60)
			require.EqualValues(t, liveMin-1, q.given, "sent by AF_XDP")
			require.EqualValues(t, 6*liveMin-1, q.Counters().FramesSent)
			require.Zero(t, q.Counters().DropTransmit)
			receiveAll(t, far, 6*liveMin-1)
		})
	}
}

// All frames can be sent, again and again: each is free when Transmit returns.
// What is reserved already is not given twice.
func TestLiveFramesPressBack(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 1})
	w.openFar(iobackend.Config{}, Options{})
	q := w.openLive(iobackend.Config{SendFrames: 128}).Queue(0)
	frames := make([]iobackend.Frame, 200)
	for range 50 {
		require.Equal(t, 128, q.Reserve(frames))
		require.Zero(t, q.Reserve(frames[128:]))
		seen := make(map[uint64]bool)
		for i := range frames[:128] {
			seen[frames[i].Handle] = true
			frames[i].Data = frames[i].Data[:datagram(frames[i].Data, farDst, 1, 60)]
		}
		require.Len(t, seen, 128)
		require.NoError(t, q.Transmit(frames[:128]))
	}
	require.EqualValues(t, 50*128, q.Counters().FramesSent)
}

// What a live frame cannot be is sent by AF_XDP, in its place: here frames
// whose data does not begin where their memory does.
func TestUnfitFramesKeepTheirPlace(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 1})
	far := w.openFar(iobackend.Config{}, Options{}).Queue(0)
	near := w.openLive(iobackend.Config{}).Queue(0)
	out := make([]iobackend.Frame, 60)
	require.Equal(t, len(out), near.Reserve(out))
	for i := range out {
		b := out[i].Data
		if i == 40 {
			b = b[100:]
		}
		out[i].Data = b[:datagram(b, farDst, uint64(i), 80)]
	}
	require.NoError(t, near.Transmit(out))
	for i, f := range receiveAll(t, far, len(out)) {
		require.EqualValues(t, i, requireDatagram(t, f))
	}
}

// A signal to the thread ends a run early; nothing is lost or sent twice.
func TestSignalsDoNotLoseLiveFrames(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 1})
	far := w.openFar(iobackend.Config{}, Options{}).Queue(0)
	near := w.openLive(iobackend.Config{}).Queue(0)
	thread, stop, ended := make(chan int, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		id := <-thread
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Tgkill(unix.Getpid(), id, unix.SIGURG) // which Go sends itself
				time.Sleep(20 * time.Microsecond)
			}
		}
	}()
	defer func() { close(stop); <-ended }()
	pin(0)
	thread <- unix.Gettid()
	for round := range uint64(200) {
		sendNumbered(t, near, farDst, round*100, 100, 60)
		for i, f := range receiveAll(t, far, 100) {
			require.Equal(t, round*100+uint64(i), requireDatagram(t, f))
		}
	}
}

// While the device takes no live frames, or is down, AF_XDP sends.
func TestLiveFramesStopWhereTheyWouldBeLost(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 1})
	var attached link.Link
	program := farProgram(t, false)
	require.NoError(t, w.far.Do(func() error {
		far, err := net.InterfaceByName("far0")
		require.NoError(t, err)
		attached, err = link.AttachXDP(link.XDPOptions{Program: program, Interface: far.Index, Flags: link.XDPDriverMode})
		return err
	}))
	d := w.openLive(iobackend.Config{}).(*device)
	require.NoError(t, attached.Close())
	require.Eventually(t, func() bool { return !d.live.ready.Load() }, noticed, time.Millisecond)
	q := d.queues[0]
	before := q.given
	sendNumbered(t, q, farDst, 0, 100, 60)
	require.EqualValues(t, 100, q.given-before)
	require.NoError(t, w.far.AttachXDP("far0", program))
	require.Eventually(t, d.live.ready.Load, noticed, time.Millisecond)
	require.NoError(t, w.near.SetDown("near0"))
	require.Eventually(t, func() bool { return !d.live.ready.Load() }, noticed, time.Millisecond)
	require.NoError(t, w.near.SetUp("near0"))
	require.Eventually(t, d.live.ready.Load, noticed, time.Millisecond)
}

// A device that sends nothing that XDP redirects to it is refused by name.
func TestLiveIsRefusedWhereItWouldLoseFrames(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 1})
	err := w.near.Do(func() error {
		_, err := OpenWith(iobackend.Config{Interface: "near0", Addresses: []netip.Prefix{nearOurs}}, Options{Live: true})
		return err
	})
	require.ErrorIs(t, err, iobackend.ErrNotSupported)
	require.ErrorContains(t, err, "ndo_xdp_xmit")
	require.ErrorContains(t, err, `"near0"`)
	require.Zero(t, attached(t, w.near, "near0"))
}

// A device that may hold frames for long is refused, too.
func TestLiveIsForVeths(t *testing.T) {
	testbed.Require(t)
	ns, err := testbed.NewNamespace()
	require.NoError(t, err)
	defer ns.Close()
	require.NoError(t, ns.LoopbackUp())
	err = ns.Do(func() error {
		_, err := OpenWith(iobackend.Config{Interface: "lo", Addresses: []netip.Prefix{nearOurs}}, Options{Live: true})
		return err
	})
	require.ErrorIs(t, err, iobackend.ErrNotSupported)
	require.ErrorContains(t, err, "for a veth")
}

// Sending allocates nothing.
func TestLiveFramesAllocateNothing(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 1})
	require.NoError(t, w.far.AttachXDP("far0", farProgram(t, false)))
	q := w.openLive(iobackend.Config{}).Queue(0)
	frames := make([]iobackend.Frame, 64)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i := range frames[:q.Reserve(frames)] {
			frames[i].Data = frames[i].Data[:60]
			binary.BigEndian.PutUint16(frames[i].Data[12:], 0x0800)
		}
		if err := q.Transmit(frames); err != nil {
			t.Error(err)
		}
	}))
}

// sendForever is a process that sends by live frames until it is ended.
func sendForever() {
	d, err := OpenWith(iobackend.Config{Interface: "near0", Addresses: []netip.Prefix{nearOurs}}, Options{Live: true})
	fmt.Println("open:", err)
	if err != nil {
		os.Exit(1)
	}
	q, frames := d.Queue(0), make([]iobackend.Frame, 256)
	for end := q.Now() + time.Minute; q.Now() < end; {
		n := q.Reserve(frames)
		for i := range frames[:n] {
			frames[i].Data = frames[i].Data[:datagram(frames[i].Data, farDst, 1, 60)]
		}
		if err := q.Transmit(frames[:n]); err != nil {
			fmt.Println("transmit:", err)
			os.Exit(1)
		}
	}
	os.Exit(0)
}

// A process that is killed, or told to end, while it sends leaves nothing. (Not by
// SIGINT: who was started in the background ignores it.)
func TestAnEndedProcessLeavesNoLiveFrames(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			w := newWorld(t, twoQ)
			require.NoError(t, w.far.AttachXDP("far0", farProgram(t, false)))
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), "AFXDP_ROLE=live")
			pipe, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, w.near.Start(cmd))
			var line [64]byte
			n, err := pipe.Read(line[:])
			require.NoError(t, err)
			require.Equal(t, "open: <nil>\n", string(line[:n]))
			time.Sleep(50 * time.Millisecond)
			require.NoError(t, cmd.Process.Signal(signal))
			require.Error(t, cmd.Wait())
			require.Eventually(t, func() bool { return attached(t, w.near, "near0") == 0 }, noticed, 10*time.Millisecond)
			sendNumbered(t, w.openLive(iobackend.Config{}).Queue(0), farDst, 0, 100, 60)
		})
	}
}
