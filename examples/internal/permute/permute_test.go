package permute

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every domain up to some size, with a bitmap: no number twice, none left out.
func TestSmallDomainsWhole(t *testing.T) {
	seen := make([]bool, 3000)
	for count := uint64(1); count <= uint64(len(seen)); count++ {
		o, err := New(count, count*7)
		require.NoError(t, err)
		clear(seen)
		for place := range count {
			x := o.At(place)
			if x >= count || seen[x] || o.Place(x) != place {
				t.Fatalf("count %d, place %d: %d; its place %d", count, place, x, o.Place(x))
			}
			seen[x] = true
		}
	}
}

// Of all 2^32 addresses none comes twice and none is left out: every place is
// asked for its number, which must lie in the domain, and the number for its
// place. A map of a finite set into itself that can be taken back everywhere is
// a permutation; no bitmap needed.
func TestWholeInternet(t *testing.T) {
	const count = 1 << 32
	step := uint64(1)
	if raceEnabled || testing.Short() {
		step = 1 << 10 // the order's arithmetic has no memory to race for
	}
	o, err := New(count, rand.Uint64())
	require.NoError(t, err)
	var next, wrong atomic.Uint64
	const piece = 1 << 22
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for from := next.Add(piece) - piece; from < count; from = next.Add(piece) - piece {
				for place := from; place < from+piece; place += step {
					if x := o.At(place); x >= count || o.Place(x) != place {
						wrong.Add(1)
					}
				}
			}
		})
	}
	wait.Wait()
	require.Zero(t, wrong.Load(), "keys %x", o.keys)
}

// Domains of any size can be taken back, up to the largest.
func TestLargeDomains(t *testing.T) {
	for count := uint64(CountMax); count > 100; count -= count / 5 {
		o, err := New(count, rand.Uint64())
		require.NoError(t, err)
		for range 300 {
			place := rand.Uint64N(count)
			x := o.At(place)
			require.Less(t, x, count)
			require.Equal(t, place, o.Place(x), "count %d, keys %x", count, o.keys)
		}
	}
}

// Fill says what At says, whatever the step, across its parts and up to the end.
func TestFill(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		count := 1 + r.Uint64()>>(2+r.IntN(62))
		o, err := New(count, r.Uint64())
		require.NoError(t, err)
		first, numbers := r.Uint64N(count), make([]uint64, 1+r.IntN(100))
		step := 1 + r.Uint64N(max(1, (count-first)/uint64(len(numbers))))
		numbers = numbers[:min(uint64(len(numbers)), (count-first-1)/step+1)]
		o.Fill(numbers, first, step)
		for k, x := range numbers {
			require.Equal(t, o.At(first+uint64(k)*step), x, "count %d, first %d, step %d", count, first, step)
		}
	}
}

// A seed names the order; another seed, another one.
func TestSeedNamesTheOrder(t *testing.T) {
	a, _ := New(1<<20, 1)
	b, _ := New(1<<20, 1)
	c, _ := New(1<<20, 2)
	require.Equal(t, a, b)
	same := 0
	for place := range uint64(1 << 20) {
		if a.At(place) == c.At(place) {
			same++
		}
	}
	require.Less(t, same, 20, "of a million, about one stays by chance")
}

// Any stretch of the order is spread evenly over the network: 2^16 probes in a
// row to 2^32 addresses give each of the 256 networks of 8 bits its share of
// 256. (256 ± 6 standard deviations; the seeds are fixed.)
func TestStretchesAreSpread(t *testing.T) {
	for seed := range uint64(20) {
		o, _ := New(1<<32, seed)
		var top, bottom [256]int
		from := seed << 27
		for place := from; place < from+1<<16; place++ {
			x := o.At(place)
			top[x>>24]++
			bottom[x&255]++
		}
		for k := range top {
			require.InDelta(t, 256, top[k], 96, "seed %d", seed)
			require.InDelta(t, 256, bottom[k], 96, "seed %d", seed)
		}
	}
}

func TestRefusesEmptyAndHuge(t *testing.T) {
	_, err := New(0, 1)
	require.ErrorContains(t, err, "count 0")
	_, err = New(CountMax+1, 1)
	require.ErrorContains(t, err, "4611686018427387904")
}

func BenchmarkAt(b *testing.B) {
	o, _ := New(3_300_000_000, 1)
	var sum uint64
	for k := range b.N {
		sum += o.At(uint64(k))
	}
	sink = sum
}

func BenchmarkFill(b *testing.B) {
	o, _ := New(3_300_000_000, 1)
	var numbers [64]uint64
	for k := 0; k < b.N; k += len(numbers) {
		o.Fill(numbers[:], uint64(k), 2)
		sink += numbers[0]
	}
}

func BenchmarkPlace(b *testing.B) {
	o, _ := New(3_300_000_000, 1)
	var sum uint64
	for k := range b.N {
		sum += o.Place(uint64(k))
	}
	sink = sum
}

var sink uint64
