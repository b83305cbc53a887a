package load

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// The workers together visit every address equally often.
func TestTargetsAreSharedEvenly(t *testing.T) {
	for _, c := range []struct {
		prefix  string
		workers int
	}{{"10.1.0.0/24", 1}, {"10.1.0.0/24", 2}, {"10.1.0.0/28", 4}, {"10.1.0.7/32", 3}, {"10.1.0.0/29", 16}} {
		p := netip.MustParsePrefix(c.prefix)
		seen := make(map[netip.AddrPort]int)
		const rounds = 6
		total := rounds << (32 - p.Bits())
		for k := range c.workers {
			ts := newTargets(p, 80, k, c.workers)
			for range share(total, k, c.workers) {
				a := ts.next()
				require.True(t, p.Contains(a.Addr()), a)
				require.EqualValues(t, 80, a.Port())
				seen[a]++
			}
		}
		require.Len(t, seen, 1<<(32-p.Bits()))
		for a, n := range seen {
			require.Equal(t, rounds, n, a)
		}
	}
}

func TestShareAddsUp(t *testing.T) {
	for _, c := range [][2]int{{10, 3}, {1, 4}, {0, 2}, {1_000_000, 7}} {
		got := 0
		for k := range c[1] {
			got += share(c[0], k, c[1])
		}
		require.Equal(t, c[0], got)
	}
}

func TestConfigIsRefused(t *testing.T) {
	good := Config{Targets: netip.MustParsePrefix("10.0.0.0/8"), Port: 80, Window: 1}
	require.NoError(t, good.validate())
	for says, spoil := range map[string]func(c *Config){
		"Targets":    func(c *Config) { c.Port = 0 },
		"Request":    func(c *Config) { c.ReplyBytes = 1 },
		"2 bytes":    func(c *Config) { c.Request, c.ReplyBytes, c.Reply = []byte("a"), 1, []byte("ab") },
		"Window 0":   func(c *Config) { c.Window = 0 },
		"Limit -1":   func(c *Config) { c.Limit = -1 },
		"Limit 0: h": func(c *Config) { c.Hold = true },
	} {
		c := good
		spoil(&c)
		require.ErrorContains(t, c.validate(), says)
	}
}
