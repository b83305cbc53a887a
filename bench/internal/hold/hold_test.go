package hold

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/tcpclient"
)

func config() Config {
	return Config{
		Targets: netip.MustParsePrefix("10.84.0.0/16"), Port: 80, Connections: 10, Window: 4,
		Timeout: time.Second,
	}
}

func TestConfigIsRefused(t *testing.T) {
	good := config()
	require.NoError(t, good.validate())
	for says, spoil := range map[string]func(c *Config){
		"Port 0":         func(c *Config) { c.Port = 0 },
		"Connections 0":  func(c *Config) { c.Connections = 0 },
		"Window 0":       func(c *Config) { c.Window = 0 },
		"Timeout 0s":     func(c *Config) { c.Timeout = 0 },
		"need a Request": func(c *Config) { c.Exchanges = 1 },
		"and ReplyBytes": func(c *Config) { c.Exchanges, c.Request = 1, []byte("r") },
	} {
		c := config()
		spoil(&c)
		require.ErrorContains(t, c.validate(), says)
	}
}

// Each connection is counted in the stretch in which it is opened.
func TestStretches(t *testing.T) {
	counted := make([]int, StretchCount)
	for k := range uint64(1000) {
		counted[stretchOf(k, 1000)]++
	}
	require.Equal(t, []int{500, 250, 150, 50, 40, 10}, counted)
	require.Equal(t, StretchCount-1, stretchOf(1001, 1000))
	require.Zero(t, Stretch{}.PerOpen())
	require.Equal(t, 20*time.Nanosecond, Stretch{Opens: 5, Took: 100}.PerOpen())
}

// The sample stays as small as it was made, and late connections get into it as
// well as early ones.
func TestSampleIsBoundedAndFair(t *testing.T) {
	c := config()
	h := newHandler(&c, 0, 1, nil)
	const count = 1000
	drawn := make([]int, 2)
	for range 300 {
		h.sample, h.held = h.sample[:0], 0
		for id := range count {
			h.remember(tcpclient.ID(id))
		}
		require.Len(t, h.sample, 10)
		for _, id := range h.sample {
			drawn[int(id)*2/count]++
		}
	}
	require.InDelta(t, 1500, drawn[0], 200, "of 3,000, from the first half")
}
