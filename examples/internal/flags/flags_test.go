package flags

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
)

func TestPrefixes(t *testing.T) {
	var p Prefixes
	require.NoError(t, p.Set("192.0.2.1,198.51.100.77/24"))
	require.NoError(t, p.Set("192.0.2.2"), "the flag may be repeated")
	require.Len(t, p, 3)
	require.Equal(t, "198.51.100.0/24", p[1].String())
	for text, want := range map[string]string{
		"192.0.2.2":         "overlap",
		"198.51.100.3/32":   "overlap",
		"":                  `"" is no IPv4 address or CIDR`,
		"203.0.113.1,":      `"" is no IPv4 address or CIDR`,
		"2001:db8::1":       "no IPv4 address",
		"203.0.113.0/33":    "no IPv4 address or CIDR such as 192.0.2.128/25",
		"::ffff:10.0.0.1/8": "no IPv4 address",
	} {
		again := append(Prefixes(nil), p...)
		require.ErrorContains(t, again.Set(text), want, text)
	}
}

func TestAddressesAndMAC(t *testing.T) {
	var a Addresses
	require.NoError(t, a.Set("192.0.2.1,192.0.2.2"))
	require.Len(t, a, 2)
	require.ErrorContains(t, a.Set("192.0.2.1/32"), "no IPv4 address such as 192.0.2.1")
	var one Address
	require.NoError(t, one.Set("192.0.2.1"))
	require.ErrorContains(t, one.Set("::1"), "no IPv4 address")
	var m MAC
	require.NoError(t, m.Set("02:00:00:00:00:01"))
	require.ErrorContains(t, m.Set("02:00:00:00:00:00:00:01"), "no Ethernet address such as 02:00:00:00:00:01")
	var s Strings
	require.NoError(t, s.Set("a"))
	require.NoError(t, s.Set("b"))
	require.Equal(t, Strings{"a", "b"}, s)
}

// FuzzSet: what a flag takes is IPv4, each address once, and no more of it than
// the text has room for.
func FuzzSet(f *testing.F) {
	f.Add("192.0.2.1,198.51.100.0/24")
	f.Add("02:00:00:00:00:01")
	f.Add("0.0.0.0/0")
	f.Fuzz(func(t *testing.T, text string) {
		bounded.Input(t, 64<<20, func() {
			var p Prefixes
			_ = p.Set(text)
			require.LessOrEqual(t, len(p), 1+strings.Count(text, ","))
			for k, prefix := range p {
				require.True(t, prefix.Addr().Is4())
				for _, other := range p[:k] {
					require.False(t, prefix.Overlaps(other))
				}
			}
			var a Addresses
			_ = a.Set(text)
			for _, addr := range a {
				require.True(t, addr.Is4())
			}
			var one Address
			_ = one.Set(text)
			var m MAC
			require.Equal(t, m.Set(text) == nil, len(m) == 6)
		})
	})
}
