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

// A Dialer that knows nothing but an interface's name works: it shares the
// interface's address with the kernel, whose own connections go on.
func TestZeroDialerSharesTheKernelsAddress(t *testing.T) {
	testbed.Require(t)
	near, far := sharedWorld(t)
	listener, err := far.Listen("tcp", "10.90.0.2:7")
	require.NoError(t, err)
	defer listener.Close()
	go echoAll(listener)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	d := &Dialer{Interface: "near0"}
	var ours net.Conn
	require.NoError(t, near.Do(func() error {
		ours, err = d.DialContext(ctx, "tcp", "10.90.0.2:7")
		return err
	}))
	defer d.Close()
	local := ours.LocalAddr().(*net.TCPAddr).AddrPort()
	require.Equal(t, netip.MustParseAddr("10.90.0.1"), local.Addr())
	require.GreaterOrEqual(t, local.Port(), uint16(sharedPortMin))
	kernels, err := near.DialContext(ctx, "tcp", "10.90.0.2:7")
	require.NoError(t, err)
	defer kernels.Close()
	for _, c := range []net.Conn{ours, kernels, ours, kernels} {
		_, err := c.Write([]byte("hello"))
		require.NoError(t, err)
		var back [5]byte
		_, err = io.ReadFull(c, back[:])
		require.NoError(t, err)
		require.Equal(t, "hello", string(back[:]))
	}
}

func TestSharedAddressIsRefusedByName(t *testing.T) {
	testbed.Require(t)
	near, _ := sharedWorld(t)
	try := func(cfg Config) (err error) {
		return near.Do(func() error {
			c, err := New(cfg, func(*Worker) Handler { return nothing{} })
			if err == nil {
				c.Close(context.Background())
			}
			return err
		})
	}
	in := []Interface{{Name: "near0"}}
	require.ErrorContains(t, try(Config{Interfaces: in, PortMin: 40000}), "ip_local_port_range")
	listener, err := near.Listen("tcp", "127.0.0.1:62000")
	require.NoError(t, err)
	defer listener.Close()
	require.ErrorContains(t, try(Config{Interfaces: in}), "holds port 62000")
	require.NoError(t, try(Config{Interfaces: in, PortMin: 63000}))
	in[0].Backend = "afpacket"
	require.ErrorContains(t, try(Config{Interfaces: in, PortMin: 63000}), "use AF_XDP")
	in[0] = Interface{Name: "near0", Sources: []netip.Prefix{netip.MustParsePrefix("10.90.0.1/32")}}
	require.ErrorContains(t, try(Config{Interfaces: in}), "which is the kernel's")
}

func sharedWorld(t *testing.T) (near, far *testbed.Namespace) {
	t.Helper()
	return sharedWorldWith(t, true)
}

func sharedWorldWith(t *testing.T, offloadsOff bool) (near, far *testbed.Namespace) {
	t.Helper()
	var err error
	near, err = testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { near.Close() })
	far, err = testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { far.Close() })
	_, err = testbed.Veth(near, far, testbed.VethConfig{
		NearName: "near0", FarName: "far0", Queues: 2, DisableOffloads: offloadsOff,
		NearAddr: netip.MustParsePrefix("10.90.0.1/24"), FarAddr: netip.MustParsePrefix("10.90.0.2/24"),
	})
	require.NoError(t, err)
	return near, far
}

func echoAll(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(c, c)
		}()
	}
}
