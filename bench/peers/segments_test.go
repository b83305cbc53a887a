package peers

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/captured"
	"myriad/iobackend/pcapfile"
	"myriad/iobackend/simlink"
	"myriad/linklayer"
	"myriad/tcpclient"
)

// Segments of every size, up to a jumbo frame's, both ways and under loss.
func TestSegmentSizesWithNetstack(t *testing.T) {
	for _, size := range []int{536, 1460, 3400, 8960} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			impair := simlink.Impairments{Loss: 0.02, Delay: time.Millisecond}
			var capture bytes.Buffer
			w := newSizedWorld(t, size, impair, &capture)
			n := 300 * size
			for _, move := range []func(int) error{w.download, w.upload} {
				require.NoError(t, move(n))
			}
			w.requireTrouble(t, &impair)
			require.NoError(t, w.dialer.Close())
			up, down, err := captured.Read(&capture, port)
			require.NoError(t, err)
			require.Equal(t, size, up.Longest())
			require.Greater(t, up.Within(size, size), 250, "full segments of ours")
			require.LessOrEqual(t, down.Longest(), size)
			// Netstack always leaves room for all the options there may be.
			require.Greater(t, down.Within(size-linklayer.OptionsBytesMax, size), 250)
		})
	}
}

// newSizedWorld is newWorld on a link for segments of a size, with everything
// that passes our end captured.
func newSizedWorld(t *testing.T, size int, i simlink.Impairments, capture *bytes.Buffer) *world {
	t.Helper()
	w := &world{server: server{ended: make(chan error, 64)}}
	var err error
	w.link, err = simlink.New(simlink.Config{
		Seed: seed, RealTime: true, MTU: size + 40, FrameBytes: size + 200,
		Ends: []simlink.EndConfig{{Impairments: i}, {Impairments: i}},
	})
	require.NoError(t, err)
	near, remote := w.link.End(0), w.link.End(1)
	peer, err := NewNetstack(remote, Options{Address: far, SACK: true, Peer: near.Info().HardwareAddr})
	require.NoError(t, err)
	require.NoError(t, peer.Serve(port, w.server.serve))
	tapped, err := pcapfile.Wrap(near, capture, pcapfile.Options{})
	require.NoError(t, err)
	w.dialer = &tcpclient.Dialer{Config: tcpclient.Config{
		Unpinned: true, ConnectionsMax: 64,
		Interfaces: []tcpclient.Interface{{
			Device: tapped, Sources: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/28")},
			GatewayMAC: remote.Info().HardwareAddr,
		}},
	}}
	t.Cleanup(func() {
		_ = w.dialer.Close()
		peer.Close()
		require.NoError(t, w.link.Close())
		require.Zero(t, w.link.Leaked(), "frames were never given back")
	})
	return w
}
