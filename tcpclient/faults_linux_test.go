package tcpclient

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/errno"
	"myriad/internal/testbed"
)

// faultsWorld dials a few connections, to a server of the kernel's that echoes,
// over a real device.
func faultsWorld(t *testing.T) (near, far *testbed.Namespace, d *Dialer, conns []net.Conn) {
	t.Helper()
	testbed.Require(t)
	near, far = sharedWorld(t)
	listener, err := far.Listen("tcp", "10.90.0.2:7")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go echoAll(listener)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	d = &Dialer{Interface: "near0"}
	require.NoError(t, near.Do(func() error {
		for range 10 {
			c, err := d.DialContext(ctx, "tcp", "10.90.0.2:7")
			if err != nil {
				return err
			}
			conns = append(conns, c)
		}
		return nil
	}))
	t.Cleanup(func() { d.Close() })
	for _, c := range conns {
		exchange(t, c, "hello")
	}
	return near, far, d, conns
}

func exchange(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(c, text)
	require.NoError(t, err)
	back := make([]byte, len(text))
	require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err = io.ReadFull(c, back)
	require.NoError(t, err)
	require.Equal(t, text, string(back))
}

// A real link that loses its carrier for some seconds, with data on its way,
// fails nothing; all of it arrives soon after. (How soon is measured, in virtual
// time, by TestLinkFlapCountsNoRetries.)
func TestCarrierLossIsSurvived(t *testing.T) {
	_, far, _, conns := faultsWorld(t)
	require.NoError(t, far.SetDown("far0"))
	for _, c := range conns {
		_, err := io.WriteString(c, "across")
		require.NoError(t, err)
	}
	time.Sleep(3 * time.Second)
	require.NoError(t, far.SetUp("far0"))
	began := time.Now()
	for _, c := range conns {
		var back [6]byte
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err := io.ReadFull(c, back[:])
		require.NoError(t, err)
		require.Equal(t, "across", string(back[:]))
	}
	t.Logf("resumed %v after the carrier came back", time.Since(began))
}

// When the device goes, every connection ends with one typed error, and new
// ones are refused.
func TestDeviceGoneEndsEveryConnection(t *testing.T) {
	near, far, d, conns := faultsWorld(t)
	began := time.Now()
	require.NoError(t, far.DeleteLink("far0"))
	for _, c := range conns {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err := c.Read(make([]byte, 1))
		require.ErrorIs(t, err, errno.NetDown)
		_, again := c.Read(make([]byte, 1))
		require.ErrorIs(t, again, errno.NetDown)
	}
	t.Logf("told %v after the device had gone", time.Since(began))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.Error(t, near.Do(func() error {
		_, err := d.DialContext(ctx, "tcp", "10.90.0.2:7")
		return err
	}))
}
