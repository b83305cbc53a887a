package scan

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func prefixes(list ...string) (all []netip.Prefix) {
	for _, text := range list {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// No target comes twice, none is left out, and each knows its place; also where
// prefixes overlap, touch, or are given twice.
func TestEveryTargetOnce(t *testing.T) {
	list := prefixes("198.18.0.0/24", "198.18.1.0/30", "198.18.0.16/28", "198.19.255.255/32", "198.18.4.0/22", "198.18.4.0/22", "0.0.0.0/30", "255.255.255.252/30")
	for _, ports := range [][]uint16{nil, {80}, {443, 80, 80, 8080, 22, 1, 65535, 9}} {
		s, err := NewSpace(list, ports, rand.Uint64())
		require.NoError(t, err)
		wanted := map[target]bool{}
		for _, p := range list {
			for k := range uint32(1) << (32 - p.Bits()) {
				for _, port := range s.Ports() {
					wanted[target{ip4(p.Addr()) + k, port}] = true
				}
			}
		}
		require.EqualValues(t, len(wanted), s.Targets())
		for place := range s.Targets() {
			a, port := s.At(place)
			require.True(t, wanted[target{a, port}], "seed %d: %v:%d twice, or no target", s.Seed, Addr(a), port)
			delete(wanted, target{a, port})
			back, ok := s.Place(a, port)
			require.True(t, ok)
			require.Equal(t, place, back)
		}
		require.Empty(t, wanted)
	}
}

// Every address has its turn before any has its second: no host sees more than
// its share, in any order of ports.
func TestHostsTakeTurns(t *testing.T) {
	s, err := NewSpace(prefixes("198.18.0.0/26"), []uint16{1, 2, 3, 4, 5}, 7)
	require.NoError(t, err)
	first := map[uint16]bool{}
	for round := range uint64(5) {
		seen := map[uint32]bool{}
		for k := range s.Addresses() {
			a, port := s.At(round*s.Addresses() + k)
			require.False(t, seen[a])
			seen[a] = true
			if round == 0 {
				first[port] = true
			}
		}
	}
	require.Len(t, first, 5, "hosts begin with different ports")
}

func TestPlaceRefusesWhatIsNoTarget(t *testing.T) {
	s, err := NewSpace(prefixes("198.18.0.0/24", "198.18.2.0/24"), []uint16{80}, 1)
	require.NoError(t, err)
	for _, c := range []struct {
		address string
		port    uint16
	}{{"198.18.1.0", 80}, {"198.17.255.255", 80}, {"198.18.3.0", 80}, {"0.0.0.0", 80}, {"255.255.255.255", 80}, {"198.18.0.1", 81}} {
		_, ok := s.Place(ip4(netip.MustParseAddr(c.address)), c.port)
		require.False(t, ok, c)
	}
	_, err = NewSpace(nil, nil, 1)
	require.ErrorContains(t, err, "no addresses")
}

// The whole address space, and many small pieces, lead back to their places.
func TestLargeSpaces(t *testing.T) {
	var many []netip.Prefix
	for range 20_000 {
		p, _ := Addr(rand.Uint32()).Prefix(20 + rand.IntN(13))
		many = append(many, p)
	}
	for name, list := range map[string][]netip.Prefix{"all": prefixes("0.0.0.0/0"), "many": many} {
		s, err := NewSpace(list, []uint16{80, 443, 22}, rand.Uint64())
		require.NoError(t, err)
		for range 20_000 {
			place := rand.Uint64N(s.Targets())
			a, port := s.At(place)
			back, ok := s.Place(a, port)
			require.True(t, ok && back == place, "%s, seed %d: place %d is %v:%d, whose place is %d", name, s.Seed, place, Addr(a), port, back)
		}
	}
}

// Looked for together the targets are those of At, across the ends of rounds.
func TestAim(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, ports := range [][]uint16{{80}, {1, 2, 3, 4, 5}} {
		s, err := NewSpace(prefixes("198.18.0.0/29", "203.0.113.7/32", "192.0.2.0/25"), ports, seed)
		require.NoError(t, err)
		var c cursor
		for range 3000 {
			first, step := r.Uint64N(s.Targets()), 1+r.Uint64N(200)
			targets := make([]target, min(1+r.Uint64N(aimMax), (s.Targets()-first-1)/step+1))
			s.aim(&c, targets, first, step)
			for k, got := range targets {
				address, port := s.At(first + uint64(k)*step)
				require.Equal(t, target{address, port}, got)
			}
		}
	}
}

func BenchmarkSpace(b *testing.B) {
	s, _ := NewSpace(prefixes("0.0.0.0/1", "160.0.0.0/4", "192.0.0.0/8"), []uint16{80}, 1)
	sh := newShape(TCP, nil, 1460, 64)
	k := key{1, 2}
	frame := make([]byte, 2048)
	var ethernet [12]byte
	b.Run("At", func(b *testing.B) {
		for n := range b.N {
			a, _ := s.At(uint64(n))
			sink += uint64(a)
		}
	})
	b.Run("probe", func(b *testing.B) {
		for n := range b.N {
			a, port := s.At(uint64(n))
			c := k.cookieFor(a, port, 256, 16384)
			sink += uint64(sh.write(frame, &ethernet, 7, a, uint32(c.port)<<16|uint32(port), c.number))
		}
	})
	b.Run("Place", func(b *testing.B) {
		for n := range b.N {
			p, _ := s.Place(uint32(n)*2654435761, 80)
			sink += p
		}
	})
}

var sink uint64
