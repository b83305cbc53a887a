package tcpclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
	"myriad/iobackend"
)

// The kernel's TCP at the far end takes what is sent with the checksums left to
// the device, and the data is what was sent.
func TestKernelAcceptsChecksumsLeftToTheDevice(t *testing.T) {
	testbed.Require(t)
	for name, prepare := range map[string]func(near *testbed.Namespace) error{
		"passed on unfinished":    func(*testbed.Namespace) error { return nil },
		"completed by the kernel": func(near *testbed.Namespace) error { return near.DisableOffloads("near0") },
	} {
		t.Run(name, func(t *testing.T) {
			near, far := offloadingWorld(t)
			require.NoError(t, prepare(near))
			listener, err := far.Listen("tcp", "10.90.0.2:7")
			require.NoError(t, err)
			defer listener.Close()
			go echoAll(listener)
			before, err := far.Counters()
			require.NoError(t, err)
			echoOver(t, near, Interface{
				Name: "near0", Backend: "afxdp", SegmentationOff: true, TransmitChecksum: iobackend.OffloadOn,
				Sources: []netip.Prefix{netip.MustParsePrefix("10.91.0.0/28")},
			})
			after, err := far.Counters()
			require.NoError(t, err)
			require.Greater(t, after["TcpInSegs"]-before["TcpInSegs"], uint64(500))
			require.Equal(t, before["TcpInCsumErrors"], after["TcpInCsumErrors"])
			require.Equal(t, before["UdpInCsumErrors"], after["UdpInCsumErrors"])
		})
	}
}

// offloadingWorld is a veth pair whose near end passes checksums on unfinished.
func offloadingWorld(t *testing.T) (near, far *testbed.Namespace) {
	t.Helper()
	near, far = sharedWorldWith(t, false)
	require.NoError(t, far.DisableOffloads("far0"))
	require.NoError(t, far.AddLinkRoute(netip.MustParsePrefix("10.91.0.0/28"), "far0"))
	return near, far
}

// echoOver sends a megabyte to the far end's echo and wants it back.
func echoOver(t *testing.T, near *testbed.Namespace, in Interface) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	d := &Dialer{Config: Config{Interfaces: []Interface{in}}}
	defer d.Close()
	require.NoError(t, near.Do(func() error {
		conn, err := d.DialContext(ctx, "tcp", "10.90.0.2:7")
		require.NoError(t, err)
		defer conn.Close()
		payload := make([]byte, 1<<20)
		random := rand.New(rand.NewPCG(1, 2))
		for k := range payload {
			payload[k] = byte(random.Uint32())
		}
		go func() {
			_, _ = io.Copy(conn, bytes.NewReader(payload))
		}()
		back := make([]byte, len(payload))
		_, err = io.ReadFull(conn, back)
		require.NoError(t, err)
		require.Equal(t, sha256.Sum256(payload), sha256.Sum256(back))
		return nil
	}))
}

func TestChecksumOffloadIsRefusedWithoutAFXDP(t *testing.T) {
	testbed.Require(t)
	near, _ := sharedWorld(t)
	require.NoError(t, near.Do(func() error {
		_, err := New(Config{Interfaces: []Interface{{
			Name: "near0", Backend: "afpacket", TransmitChecksum: iobackend.OffloadOn,
			Sources: []netip.Prefix{netip.MustParsePrefix("10.91.0.0/28")},
		}}}, func(*Worker) Handler { return nothing{} })
		require.ErrorIs(t, err, iobackend.ErrNotSupported)
		require.ErrorContains(t, err, "TransmitChecksum")
		return nil
	}))
}
