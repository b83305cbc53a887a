package gso_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"myriad/internal/gso"
	"myriad/internal/testbed"
)

// The kernel cuts as Cut does: the same frames, byte for byte, in order.
func TestKernelMakesTheFramesThatCutDoes(t *testing.T) {
	testbed.Require(t)
	near, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { near.Close() })
	far, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { far.Close() })
	pair, err := testbed.Veth(near, far, testbed.VethConfig{
		NearName: "near0", FarName: "far0", DisableOffloads: true,
		NearAddr: netip.MustParsePrefix("10.79.0.1/24"), FarAddr: netip.MustParsePrefix("10.79.0.2/24"),
	})
	require.NoError(t, err)

	var heard int
	require.NoError(t, far.Do(func() (err error) {
		heard, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		all := unix.SockaddrLinklayer{Protocol: 0x0300, Ifindex: pair.FarIndex} // ETH_P_ALL
		return unix.Bind(heard, &all)
	}))
	t.Cleanup(func() { unix.Close(heard) })
	wait := unix.Timeval{Sec: 10}
	require.NoError(t, unix.SetsockoptTimeval(heard, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait))

	var socket *gso.Socket
	require.NoError(t, near.Do(func() (err error) { socket, err = gso.Open(pair.NearIndex); return err }))
	t.Cleanup(func() { socket.Close() })
	source, hop := [6]byte(pair.NearMAC), [6]byte(pair.FarMAC)
	for _, size := range []int{2896, 2900, 20_000, 60_000} {
		headers, payload, g := long(t, source, hop, size)
		require.NoError(t, socket.Send([][]byte{headers, payload[:1000], payload[1000:]}, 1448))
		for k, want := range wanted(source, hop, g, payload, 1448) {
			require.Equal(t, want, nextFrom(t, heard, source), "frame %d of %d bytes", k, size)
		}
	}
}

// nextFrom is the next frame that comes from source.
func nextFrom(t *testing.T, heard int, source [6]byte) []byte {
	frame := make([]byte, 65536)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		n, _, err := unix.Recvfrom(heard, frame, 0)
		require.NoError(t, err)
		if bytes.Equal(frame[6:12], source[:]) && frame[23] == unix.IPPROTO_TCP {
			return frame[:n]
		}
	}
	t.Fatal("no frame came")
	return nil
}

func TestSendRefusesWhatItCannot(t *testing.T) {
	testbed.Require(t)
	ns, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { ns.Close() })
	require.NoError(t, ns.LoopbackUp())
	var s *gso.Socket
	require.NoError(t, ns.Do(func() (err error) { s, err = gso.Open(1); return err }))
	require.Error(t, s.Send([][]byte{make([]byte, 54)}, 1448), "headers alone")
	require.Error(t, s.Send([][]byte{make([]byte, 54), {}}, 1448), "an empty piece")
	require.Error(t, s.Send(make([][]byte, gso.PiecesMax+1), 1448))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
}
