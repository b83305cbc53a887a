package afxdp

import (
	"errors"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"myriad/internal/testbed"
	"myriad/iobackend"
)

// noticed is how long a test waits for what is to be noticed within a second:
// the machine may be loaded.
const noticed = 20 * time.Second

// arrives sends from the far end until something is received.
func arrives(t *testing.T, near, far iobackend.Device) {
	t.Helper()
	frames := make([]iobackend.Frame, 64)
	require.Eventually(t, func() bool {
		sendNumbered(t, far.Queue(0), nearDst, 7, 1, 100)
		time.Sleep(10 * time.Millisecond)
		n, _, err := near.Queue(0).Receive(frames)
		require.NoError(t, err)
		near.Queue(0).Release(frames[:n])
		return n > 0
	}, noticed, time.Millisecond)
}

// Root may detach anything. Where the hook stays free, the filter comes back.
func TestADetachedFilterIsAttachedAgain(t *testing.T) {
	for name, o := range map[string]Options{"native": {}, "generic": {Generic: true}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, testbed.VethConfig{Queues: 1})
			near := w.openNear(iobackend.Config{}, o)
			far := w.openFar(iobackend.Config{}, Options{})
			arrives(t, near, far)
			d := near.(*device)
			d.mu.Lock()
			err := d.filter.link.Detach()
			d.mu.Unlock()
			require.NoError(t, err)
			require.Eventually(t, func() bool { return near.Queue(0).Counters().Reattached == 1 }, noticed, time.Millisecond)
			require.NotZero(t, attached(t, w.near, "near0"))
			arrives(t, near, far)
		})
	}
}

// Where somebody else has taken the hook it is left to him, and every queue
// says so.
func TestAnothersProgramIsNotDisplaced(t *testing.T) {
	w := newWorld(t, twoQ)
	d := w.openNear(iobackend.Config{}, Options{})
	theirs, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.XDP, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}, // XDP_PASS
	})
	require.NoError(t, err)
	defer theirs.Close()
	own := d.(*device)
	own.mu.Lock() // nobody looks between the two
	err = own.filter.link.Detach()
	var other link.Link
	if err == nil {
		err = w.near.Do(func() (err error) {
			other, err = link.AttachXDP(link.XDPOptions{Program: theirs, Interface: int(own.plan.ifindex), Flags: link.XDPDriverMode})
			return err
		})
	}
	own.mu.Unlock()
	require.NoError(t, err)
	defer other.Close()
	for index := range 2 {
		q := d.Queue(index)
		require.Eventually(t, func() bool {
			err := q.Wait(q.Now() + 100*time.Millisecond)
			require.True(t, err == nil || errors.Is(err, iobackend.ErrDisplaced), "%v", err)
			return err != nil
		}, noticed, time.Millisecond)
		_, _, err = q.Receive(make([]iobackend.Frame, 1))
		require.ErrorIs(t, err, iobackend.ErrDisplaced)
		require.ErrorContains(t, err, "ip link set near0 xdp off")
	}
	require.NotZero(t, attached(t, w.near, "near0"), "theirs stays")
	info, err := other.Info()
	require.NoError(t, err)
	require.NotZero(t, info.XDP().Ifindex)
}

// Carrier and MTU are followed.
func TestLinkStateIsFollowed(t *testing.T) {
	w := newWorld(t, twoQ)
	d := w.openNear(iobackend.Config{}, Options{}).(iobackend.Watched)
	require.Equal(t, iobackend.LinkState{Up: true, MTU: 1500}, d.Link())
	require.NoError(t, w.far.SetDown("far0"))
	require.Eventually(t, func() bool { return !d.Link().Up }, noticed, time.Millisecond)
	require.NoError(t, w.far.SetUp("far0"))
	require.Eventually(t, func() bool { return d.Link().Up }, noticed, time.Millisecond)
	require.NoError(t, w.near.Do(func() error {
		l, err := netlink.LinkByName("near0")
		require.NoError(t, err)
		return netlink.LinkSetMTU(l, 1200)
	}))
	require.Eventually(t, func() bool { return d.Link().MTU == 1200 }, noticed, time.Millisecond)
}

// More receive queues than were bound would swallow a part of our frames: the
// device says so at once.
func TestMoreReceiveQueuesAreNoticed(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 4})
	channels := func(ns *testbed.Namespace, name, count string) {
		t.Helper()
		out, err := ns.Run("ethtool", "-L", name, "rx", count, "tx", count)
		require.NoError(t, err, "%s", out)
	}
	channels(w.near, "near0", "2")
	d := w.openNear(iobackend.Config{}, Options{})
	require.Equal(t, 2, d.Info().Queues)
	q := d.Queue(1)
	require.NoError(t, q.Wait(q.Now()+time.Millisecond))
	channels(w.near, "near0", "4")
	require.Eventually(t, func() bool { return errors.Is(q.Wait(q.Now()+100*time.Millisecond), iobackend.ErrReconfigured) }, noticed, time.Millisecond)
	_, _, err := d.Queue(0).Receive(make([]iobackend.Frame, 1))
	require.ErrorIs(t, err, iobackend.ErrReconfigured)
	require.ErrorContains(t, err, "2 were bound, and there are 4")
}
