package tcpclient

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
)

// dialWorld is a Dialer and a place for its peers, which are the kernel's.
type dialWorld struct {
	t      testing.TB
	dialer *Dialer
	// listen makes a listener on a free port; the dialer reaches it.
	listen func() net.Listener
	// peer is a host of the kernel's that refuses ports nobody listens on.
	peer netip.Addr
	// other is a second address of that host, and silent one of nobody; far
	// away is where no route leads.
	other, silent, farAway netip.Addr
	// near is where the device is.
	near *testbed.Namespace
	// fake is the engine of a world without a device.
	fake *fakeEngine
}

// inEachWorld runs a test over the stand-in for the stack, and over the stack
// itself on AF_XDP where the rights allow it.
func inEachWorld(t *testing.T, set func(d *Dialer), test func(w *dialWorld)) {
	if set == nil {
		set = func(*Dialer) {}
	}
	t.Run("fake", func(t *testing.T) {
		d := &Dialer{}
		set(d)
		test(newFakeWorld(t, d))
	})
	t.Run("afxdp", func(t *testing.T) {
		d := &Dialer{}
		set(d)
		test(newDeviceWorld(t, d))
	})
}

func newFakeWorld(t testing.TB, d *Dialer) *dialWorld {
	w := &dialWorld{t: t, dialer: d, peer: netip.MustParseAddr("127.0.0.1"),
		other: netip.MustParseAddr("127.0.0.2"), silent: fakeSilent, farAway: fakeFarAway}
	w.fake = newFakeDialer(t, d, 2)
	w.listen = func() net.Listener {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { l.Close() })
		return l
	}
	return w
}

// newDeviceWorld joins two namespaces by a veth pair of two queues: d at the
// near end, the kernel at the far one.
func newDeviceWorld(t testing.TB, d *Dialer) *dialWorld {
	testbed.Require(t)
	near, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { near.Close() })
	far, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { far.Close() })
	sources := []netip.Prefix{netip.MustParsePrefix("10.78.0.0/28")}
	_, err = testbed.Veth(near, far, testbed.VethConfig{
		NearName: "near0", FarName: "far0", Queues: 2,
		NearAddr: netip.MustParsePrefix("10.77.0.1/24"), FarAddr: netip.MustParsePrefix("10.77.0.2/24"),
		Sources: sources, Targets: []netip.Prefix{netip.MustParsePrefix("10.79.0.0/24")}, XDPPassFar: true, DisableOffloads: true,
	})
	require.NoError(t, err)
	d.Interface, d.Sources = "near0", sources
	d.Config.ConnectionsMax = 1024
	require.NoError(t, near.Do(func() error { _, err := d.Client(); return err }))
	t.Cleanup(func() { d.Close() })
	w := &dialWorld{t: t, dialer: d, near: near, peer: netip.MustParseAddr("10.77.0.2"),
		other: netip.MustParseAddr("10.79.0.1"), silent: netip.MustParseAddr("10.77.0.99"),
		farAway: netip.MustParseAddr("203.0.113.1")}
	w.listen = func() net.Listener {
		l, err := far.Listen("tcp4", "10.77.0.2:0")
		require.NoError(t, err)
		t.Cleanup(func() { l.Close() })
		return l
	}
	return w
}

// refuse returns an address of the peer on which nobody listens.
func (w *dialWorld) refuse() netip.AddrPort {
	l := w.listen()
	require.NoError(w.t, l.Close())
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// pair is a connection and the kernel's end of it.
func (w *dialWorld) pair() (*Conn, *net.TCPConn) {
	l := w.listen()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := w.dialer.DialContext(ctx, "tcp", l.Addr().String())
	require.NoError(w.t, err)
	w.t.Cleanup(func() { c.Close() })
	peer, err := l.Accept()
	require.NoError(w.t, err)
	w.t.Cleanup(func() { peer.Close() })
	// A test that waits in vain shall say so, and not hang.
	require.NoError(w.t, c.SetDeadline(time.Now().Add(patience)))
	require.NoError(w.t, peer.SetDeadline(time.Now().Add(patience)))
	return c.(*Conn), peer.(*net.TCPConn)
}

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// echo answers on every connection to l what it hears.
func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			io.Copy(c, c)
		}()
	}
}
