package farend

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
)

var target = netip.MustParsePrefix("10.84.0.0/16")

// world is a near namespace with a kernel client in it and a far one with the
// program.
func world(t *testing.T, reply []byte, verify bool) (*testbed.Namespace, *FarEnd) {
	// Without offloads the kernel writes whole checksums.
	return worldWith(t, reply, verify, testbed.VethConfig{DisableOffloads: true})
}

func worldWith(t *testing.T, reply []byte, verify bool, veth testbed.VethConfig) (*testbed.Namespace, *FarEnd) {
	testbed.Require(t)
	near, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { near.Close() })
	far, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { far.Close() })

	veth.NearName, veth.FarName, veth.Queues = "near0", "far0", 2
	veth.NearAddr, veth.XDPPassNear = netip.MustParsePrefix("10.83.0.1/24"), true
	_, err = testbed.Veth(near, far, veth)
	require.NoError(t, err)
	require.NoError(t, near.AddLinkRoute(target, "near0"))

	var end *FarEnd
	require.NoError(t, far.Do(func() error {
		end, err = Attach(Config{Interface: "far0", Target: target, Reply: reply, Verify: verify})
		return err
	}))
	t.Cleanup(func() { end.Close() })
	return near, end
}

func dial(t *testing.T, near *testbed.Namespace, addr string) net.Conn {
	c, err := near.DialContext(t.Context(), "tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	return c
}

// The kernel verifies every checksum of what it takes, so a whole exchange
// with its client shows that all of ours are right.
func TestKernelClientIsAnswered(t *testing.T) {
	for _, length := range []int{0, 1, 2, 3, 199, 200} {
		reply := bytes.Repeat([]byte("reply\x00\xff"), 50)[:length]
		t.Run(fmt.Sprintf("reply of %d", length), func(t *testing.T) {
			near, end := world(t, reply, true)
			requests := []int{1, 2, 3, 199, 200, 201, 1460}
			for i, request := range requests {
				c := dial(t, near, fmt.Sprintf("10.84.7.%d:80", 10+i))
				_, err := c.Write(bytes.Repeat([]byte("q"), request))
				require.NoError(t, err)
				got := make([]byte, length)
				_, err = io.ReadFull(c, got)
				require.NoError(t, err, "request of %d bytes", request)
				require.Equal(t, reply, got)

				require.NoError(t, c.(*net.TCPConn).CloseWrite())
				rest, err := io.ReadAll(c)
				require.NoError(t, err, "after FIN")
				require.Empty(t, rest)
			}
			got, err := end.Counters()
			require.NoError(t, err)
			require.Zero(t, got.Dropped(), "%+v", got)
			again, err := near.Counters()
			require.NoError(t, err)
			if n := again["TcpRetransSegs"]; n > 0 { // the machine was busy
				t.Logf("%d segments were sent again", n)
				return
			}
			require.EqualValues(t, len(requests), got.SYN)
			require.EqualValues(t, len(requests), got.Data)
			require.EqualValues(t, len(requests), got.FIN)
			require.EqualValues(t, 1+2+3+199+200+201+1460, got.Bytes)
		})
	}
}

// Only the last piece of a longer request is answered with the reply.
func TestLongRequestIsAnsweredOnce(t *testing.T) {
	near, end := world(t, []byte("the reply"), true)
	c := dial(t, near, "10.84.0.1:80")
	_, err := c.Write(make([]byte, 5000))
	require.NoError(t, err)
	got := make([]byte, 9)
	_, err = io.ReadFull(c, got)
	require.NoError(t, err)
	require.Equal(t, "the reply", string(got))

	counts, err := end.Counters()
	require.NoError(t, err)
	require.EqualValues(t, 1, counts.Data)
	require.EqualValues(t, 3, counts.Part)
	require.EqualValues(t, 5000, counts.Bytes)
}

// What is not for the target is not touched.
func TestOtherAddressesAreTheKernels(t *testing.T) {
	near, end := world(t, []byte("x"), false)
	_, err := near.Run("ip", "route", "add", "10.85.0.0/16", "dev", "near0")
	require.NoError(t, err)
	require.NoError(t, near.Do(func() error {
		c, err := net.DialTimeout("tcp", "10.85.0.1:80", 200*time.Millisecond)
		if err == nil {
			c.Close()
			return fmt.Errorf("%v answered", c.RemoteAddr())
		}
		return nil
	}))
	got, err := end.Counters()
	require.NoError(t, err)
	require.Zero(t, got.Received(), "%+v", got)
}

func TestCloseDetaches(t *testing.T) {
	near, end := world(t, []byte("x"), false)
	dial(t, near, "10.84.0.1:80")
	require.NoError(t, end.Close())
	require.NoError(t, near.Do(func() error {
		c, err := net.DialTimeout("tcp", "10.84.0.2:80", 200*time.Millisecond)
		if err == nil {
			c.Close()
			return fmt.Errorf("%v answered", c.RemoteAddr())
		}
		return nil
	}))
}

func TestAttachRefuses(t *testing.T) {
	for _, c := range []struct {
		config Config
		says   string
	}{
		{Config{Interface: "lo"}, "Target"},
		{Config{Interface: "lo", Target: netip.MustParsePrefix("2001:db8::/32")}, "Target 2001:db8::/32"},
		{Config{Interface: "lo", Target: target, Reply: make([]byte, ReplyMax+1)}, "1461 bytes"},
		{Config{Interface: "nosuch0", Target: target}, `interface "nosuch0"`},
	} {
		_, err := Attach(c.config)
		require.ErrorContains(t, err, c.says)
	}
}

// With offloads a veth carries checksums that the kernel left unfinished.
func TestVerifyCountsWrongChecksums(t *testing.T) {
	near, end := worldWith(t, []byte("x"), true, testbed.VethConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	dialed := make(chan error, 1)
	go func() {
		_, err := near.DialContext(ctx, "tcp", "10.84.0.1:80")
		dialed <- err
	}()
	var got Counters
	require.Eventually(t, func() bool {
		var err error
		got, err = end.Counters()
		return err == nil && got.BadChecksum > 0
	}, 10*time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-dialed, context.Canceled)
	require.Zero(t, got.SYN)
}
