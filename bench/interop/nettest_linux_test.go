package interop

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"

	"myriad/internal/testbed"
	"myriad/tcpclient"
)

// A Dialer's net.Conn is what the rest of Go expects of one: our end and the
// kernel's, each as the one that is put to the test.
func TestConnIsANetConn(t *testing.T) {
	testbed.Require(t)
	for _, backend := range []string{"afxdp", "afpacket"} {
		for _, ours := range []string{"first", "second"} {
			t.Run(backend+"/"+ours, func(t *testing.T) {
				dialer, listener := dialerAndListener(t, backend)
				nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
					return dialPipe(dialer, listener, ours == "first")
				})
			})
		}
	}
}

// And it is so while 5 % of all segments, each way, are lost on the path.
func TestConnIsANetConnUnderLoss(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	for backend, oursFirst := range map[string]bool{"afxdp": true, "afpacket": false} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			w := newLossyWorld(t, backend, []string{testbed.DropTCP(50)}, []string{testbed.DropTCP(50)})
			dialer := newDialer(w)
			listener, err := w.far.Listen("tcp4", target(1, 0).String())
			require.NoError(t, err)
			t.Cleanup(func() { listener.Close() })
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				return dialPipe(dialer, listener, oursFirst)
			})
			require.NotZero(t, w.counter("TcpRetransSegs"))
			require.NotZero(t, w.counter("TcpExtTCPSackRecovery")+w.counter("TcpExtTCPOFOQueue"))
		})
	}
}

// dialerAndListener are the near end, Myriad's, and the far one, the kernel's,
// of a veth pair.
func dialerAndListener(t *testing.T, backend string) (*tcpclient.Dialer, net.Listener) {
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
		Sources: sources, XDPPassFar: true, DisableOffloads: true,
	})
	require.NoError(t, err)
	dialer := &tcpclient.Dialer{Config: tcpclient.Config{
		Interfaces:     []tcpclient.Interface{{Name: "near0", Backend: backend, Sources: sources}},
		ConnectionsMax: 1024,
	}}
	require.NoError(t, near.Do(func() error { _, err := dialer.Client(); return err }))
	t.Cleanup(func() { dialer.Close() })
	listener, err := far.Listen("tcp4", "10.77.0.2:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	return dialer, listener
}

func dialPipe(d *tcpclient.Dialer, l net.Listener, oursFirst bool) (c1, c2 net.Conn, stop func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	ours, err := d.DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return nil, nil, nil, err
	}
	theirs, err := l.Accept()
	if err != nil {
		ours.Close()
		return nil, nil, nil, err
	}
	stop = func() {
		ours.Close()
		theirs.Close()
	}
	if oursFirst {
		return ours, theirs, stop, nil
	}
	return theirs, ours, stop, nil
}
