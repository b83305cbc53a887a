package targets

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
)

func TestReadsZMapsSpelling(t *testing.T) {
	var got []string
	err := Read(strings.NewReader("# mine\n\n192.0.2.0/24 # comment\n  198.51.100.7\n10.0.0.0/8#x\n"),
		func(_ int, p netip.Prefix) bool { got = append(got, p.String()); return true })
	require.NoError(t, err)
	require.Equal(t, []string{"192.0.2.0/24", "198.51.100.7/32", "10.0.0.0/8"}, got)
	for text, want := range map[string]string{
		"1.2.3.4\n1.2.3": "line 2", "::1": "no IPv4", "192.0.2.1/24": "give 192.0.2.0/24", "x": `"x"`,
	} {
		err := Read(strings.NewReader(text), func(int, netip.Prefix) bool { return true })
		require.ErrorContains(t, err, want)
	}
}

func TestSpecialBlocksAreExcluded(t *testing.T) {
	e := New()
	for _, b := range Special {
		got, excluded := e.Excluded(b.Prefix.Addr())
		require.True(t, excluded, b)
		require.Equal(t, b, got)
	}
	for _, text := range []string{"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.128.0.0", "172.32.0.0", "198.20.0.0", "223.255.255.255"} {
		_, excluded := e.Excluded(netip.MustParseAddr(text))
		require.False(t, excluded, text)
	}
}

func TestRefusalNamesBlockAndFlag(t *testing.T) {
	e := New()
	err := e.Refuse(netip.MustParsePrefix("10.1.0.0/16"))
	var refusal *Refusal
	require.True(t, errors.As(err, &refusal))
	for _, part := range []string{"10.1.0.0/16", "10.0.0.0/8", "Private-Use", "RFC 1918", "-allow 10.1.0.0/16"} {
		require.ErrorContains(t, err, part)
	}
	require.ErrorContains(t, e.Refuse(netip.MustParsePrefix("127.0.0.1/32")), "-allow 127.0.0.1 ")
	e.Allow(netip.MustParsePrefix("10.1.0.0/16"))
	require.NoError(t, e.Refuse(netip.MustParsePrefix("10.1.0.0/16")))
	require.Error(t, e.Refuse(netip.MustParsePrefix("10.2.0.0/16")))
	require.NoError(t, e.Refuse(netip.MustParsePrefix("0.0.0.0/0")), "a part is left")
}

func TestAFilesExclusionIsNotLifted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "exclude")
	require.NoError(t, os.WriteFile(path, []byte("# asked us\n10.1.2.0/24\n"), 0o600))
	e := New()
	require.NoError(t, e.ReadFile(path))
	e.Allow(netip.MustParsePrefix("10.0.0.0/8"))
	_, excluded := e.Excluded(netip.MustParseAddr("10.1.3.1"))
	require.False(t, excluded)
	err := e.Refuse(netip.MustParsePrefix("10.1.2.3/32"))
	require.ErrorContains(t, err, path+", line 2")
	require.NotContains(t, err.Error(), "-allow")
	require.Error(t, e.ReadFile(path+"x"))
}

// Rest and Excluded agree, address by address.
func TestRestAgainstEveryAddress(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	within := netip.MustParsePrefix("198.18.0.0/20")
	some := func() netip.Prefix {
		a := within.Addr().As4()
		a[2] |= byte(random.IntN(16))
		a[3] = byte(random.IntN(256))
		p, _ := netip.AddrFrom4(a).Prefix(20 + random.IntN(13))
		return p
	}
	for range 50 {
		e := New()
		for range random.IntN(6) {
			e.Allow(some())
		}
		for range random.IntN(6) {
			p := some()
			e.asked.Insert(p, Block{Prefix: p, Name: "a file"})
		}
		rest := e.Rest(within)
		for a := within.Addr(); within.Contains(a); a = a.Next() {
			count := 0
			for _, p := range rest {
				if p.Contains(a) {
					count++
				}
			}
			_, excluded := e.Excluded(a)
			require.Equal(t, !excluded, count == 1, a)
			require.Less(t, count, 2)
		}
	}
}

func TestTheWholeAddressSpace(t *testing.T) {
	count := uint64(0)
	for _, p := range New().Rest(netip.MustParsePrefix("0.0.0.0/0")) {
		count += 1 << (32 - p.Bits())
	}
	// 2^32 less the registry's blocks and multicast.
	excluded := uint64(0)
	for _, b := range Special {
		if b.Prefix.Addr() != netip.MustParseAddr("255.255.255.255") { // within 240.0.0.0/4
			excluded += 1 << (32 - b.Prefix.Bits())
		}
	}
	require.Equal(t, uint64(1)<<32-excluded, count)
}

func TestAskingAllocatesNothing(t *testing.T) {
	e := New()
	a := netip.MustParseAddr("8.8.8.8")
	require.Zero(t, testing.AllocsPerRun(1000, func() { e.Excluded(a) }))
}

func FuzzRead(f *testing.F) {
	f.Add("192.0.2.0/24 # x\n1.2.3.4")
	f.Fuzz(func(t *testing.T, text string) {
		bounded.Input(t, 64<<20, func() {
			_ = Read(strings.NewReader(text), func(_ int, p netip.Prefix) bool {
				require.True(t, p.IsValid() && p.Addr().Is4() && p == p.Masked())
				return true
			})
		})
	})
}
