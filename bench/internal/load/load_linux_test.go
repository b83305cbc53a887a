package load

import (
	"context"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/wire"
	"myriad/internal/testbed"
	"myriad/tcpclient"
)

// config is a run over AF_XDP in a world of its own.
func config(t *testing.T, reply []byte) Config {
	testbed.Require(t)
	world, err := wire.New(wire.Config{Queues: 2, Reply: reply})
	require.NoError(t, err)
	t.Cleanup(func() { world.Close() })
	return Config{
		Client: tcpclient.Config{Interfaces: []tcpclient.Interface{{
			Name: wire.Interface, Backend: "afxdp", GatewayMAC: world.Gateway,
			Sources: []netip.Prefix{wire.Sources},
		}}},
		Targets: wire.Targets, Port: wire.Port,
		Request: []byte("the request"), ReplyBytes: len(reply), Reply: reply,
		Window: 512, Limit: 1000, Enter: world.Enter,
	}
}

// More connections cost no more allocations: neither the client nor we make
// any per connection.
func TestNoAllocationPerConnection(t *testing.T) {
	c := config(t, []byte("the reply"))
	mallocs := func(limit int) uint64 {
		var before, after runtime.MemStats
		c.Limit = limit
		runtime.ReadMemStats(&before)
		r, err := Run(t.Context(), c)
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		require.EqualValues(t, limit, r.Completed)
		return after.Mallocs - before.Mallocs
	}
	mallocs(1000)
	few, many := mallocs(1000), mallocs(51_000)
	t.Logf("%d allocations with 1,000 connections, %d with 51,000", few, many)
	require.Less(t, many, few+5_000, "for 50,000 connections more")
}

// A reply with a wrong byte, or with too many, is not a completed connection.
func TestWrongReplyFails(t *testing.T) {
	for name, spoil := range map[string]func(c *Config){
		"byte":   func(c *Config) { c.Reply = []byte("the r_ply") },
		"length": func(c *Config) { c.Reply, c.ReplyBytes = nil, 8 },
	} {
		t.Run(name, func(t *testing.T) {
			c := config(t, []byte("the reply"))
			spoil(&c)
			r, err := Run(t.Context(), c)
			require.NoError(t, err)
			require.Zero(t, r.Completed)
			require.Equal(t, map[string]uint64{wrongReply: 1000}, r.FailedBy)
		})
	}
}

// Replies that never become whole are told from those that did.
func TestShortReplyIsUnfinished(t *testing.T) {
	c := config(t, []byte("the reply"))
	c.Reply, c.ReplyBytes, c.Limit = nil, 10, 100
	c.Client.Timeout = 300 * time.Millisecond
	r, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.Zero(t, r.Completed)
	require.Equal(t, map[string]uint64{tcpclient.DeadlineExceeded.String(): 100}, r.FailedBy)
}

// Nobody answers: every connection fails, by name.
func TestSilentTargetsTimeOut(t *testing.T) {
	c := config(t, []byte("the reply"))
	c.Targets = netip.MustParsePrefix("10.99.0.0/24")
	c.Limit = 100
	c.Client.SYNRetries = -1
	r, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.Zero(t, r.Completed)
	require.EqualValues(t, 100, r.Opened)
	require.Equal(t, map[string]uint64{tcpclient.TimedOut.String(): 100}, r.FailedBy)
}

// A run whose context has ended measures nothing, and leaves nothing open.
func TestCancelledRun(t *testing.T) {
	c := config(t, []byte("the reply"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.Limit, c.Duration = 0, time.Hour
	r, err := Run(ctx, c)
	require.NoError(t, err)
	require.Equal(t, r.Opened, r.Completed)
}
