package conntable

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// filled makes a table of n connections and a random order of their keys.
func filled(b *testing.B, n int) (*Table, []Key) {
	table := newTable(b, n)
	for i := range n {
		key := Key{Remote: uint32(i), RemotePort: 80, LocalPort: 1024}
		if _, err := table.Insert(&key); err != nil {
			b.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	keys := make([]Key, min(n, 1<<20))
	for i := range keys {
		keys[i] = Key{Remote: uint32(rng.IntN(n)), RemotePort: 80, LocalPort: 1024}
	}
	return table, keys
}

var sizes = []int{10_000, 1_000_000, 10_000_000}

func BenchmarkLookup(b *testing.B) {
	for _, n := range sizes {
		if n > 1_000_000 && testing.Short() {
			continue
		}
		table, keys := filled(b, n)
		b.Run(fmt.Sprintf("single/%d", n), func(b *testing.B) {
			for i := range b.N {
				if _, ok := table.Lookup(&keys[i%len(keys)]); !ok {
					b.Fatal("miss")
				}
			}
		})
		for _, batch := range []int{32, 256} {
			b.Run(fmt.Sprintf("batch%d/%d", batch, n), func(b *testing.B) {
				indexes := make([]uint32, batch)
				at := 0
				for i := 0; i < b.N; i += batch {
					if at+batch > len(keys) {
						at = 0
					}
					table.LookupBatch(keys[at:at+batch], indexes)
					at += batch
				}
			})
		}
	}
}

func BenchmarkInsertRemove(b *testing.B) {
	for _, n := range sizes[:2] {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			table, _ := filled(b, n)
			rng := rand.New(rand.NewPCG(2, 2))
			victims := make([]uint32, 1<<16)
			for i := range victims {
				victims[i] = uint32(rng.IntN(n))
			}
			b.ResetTimer()
			for i := range b.N {
				index := victims[i%len(victims)]
				key := table.At(index).Key()
				table.Remove(index)
				if _, err := table.Insert(&key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCycle is all that this package does for one connection: choose a
// tuple, insert, remove, begin the rest, with a million others in the table.
func BenchmarkCycle(b *testing.B) {
	for _, n := range sizes[:2] {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			const window = 1024
			table := newTable(b, n+window)
			q, _ := NewQuarantine(1<<18, time.Second)
			a, _ := NewAllocator(AllocatorConfig{Sources: 250, PortMin: 1024, PortMax: 65535, Shards: 1})
			for i := range n {
				key := Key{Remote: uint32(i), RemotePort: 81, LocalPort: 1024}
				if _, err := table.Insert(&key); err != nil {
					b.Fatal(err)
				}
			}
			var open [window]uint32
			for i := range open {
				remote := uint32(i)
				open[i], _ = a.Claim(table, q, remote, 80, Choice{}, 0)
			}
			b.ResetTimer()
			for i := range b.N {
				now := time.Duration(i) * 4 * time.Microsecond
				slot := &open[i%window]
				table.Retire(*slot, q, now)
				remote := uint32(i * 7919 % 60000)
				var err error
				if *slot, err = a.Claim(table, q, remote, 80, Choice{}, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAllocate measures the choice of a tuple for one destination whose
// tuples are taken, at random, to some share.
func BenchmarkAllocate(b *testing.B) {
	for _, percent := range []int{0, 50, 90, 99} {
		b.Run(fmt.Sprint(percent), func(b *testing.B) {
			a, _ := NewAllocator(AllocatorConfig{Sources: 16, PortMin: 1, PortMax: 62500, Shards: 1})
			table := newTable(b, a.Tuples())
			q, _ := NewQuarantine(1, 0)
			remote, rng := uint32(1), rand.New(rand.NewPCG(3, 3))
			for i := range a.Tuples() {
				if rng.IntN(100) < percent {
					key := Key{Remote: remote, RemotePort: 80, LocalPort: uint16(1 + i%62500), Local: uint16(i / 62500)}
					if _, err := table.Insert(&key); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ResetTimer()
			for range b.N {
				if _, err := a.Next(table, q, remote, 80, 0); err != nil && err != ErrBusy {
					b.Fatal(err)
				}
			}
		})
	}
}
