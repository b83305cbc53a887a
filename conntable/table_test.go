package conntable

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/seeded"
)

// newTable makes a table or fails the test.
func newTable(t testing.TB, capacity int) *Table {
	t.Helper()
	table, err := New(capacity, 3, [2]uint64{1, 2})
	require.NoError(t, err)
	return table
}

// insert inserts a key and opens its entry.
func insert(t testing.TB, table *Table, key Key) uint32 {
	t.Helper()
	index, err := table.Insert(&key)
	require.NoError(t, err)
	table.At(index).State = SynSent
	return index
}

// numbered makes the n-th of a family of keys.
func numbered(n int) Key {
	return Key{Remote: uint32(n), RemotePort: 80, LocalPort: uint16(1024 + n%60000), Local: uint16(n % 7)}
}

func TestInsertGivesAnEntryThatIsZeroButForItsKey(t *testing.T) {
	table := newTable(t, 4)
	first := insert(t, table, numbered(1))
	*table.At(first) = Entry{Remote: 1, RemotePort: 80, LocalPort: 1025, Local: 1, State: Established,
		Generation: table.At(first).Generation, Side: 9, SndUna: 5, User: 77, Extended: true}
	table.Extra(first).Request = 77
	require.True(t, table.Remove(first))

	key := numbered(2)
	again, err := table.Insert(&key)
	require.NoError(t, err)
	require.Equal(t, first, again, "the entry given back last is used first")
	require.Equal(t, Entry{Remote: key.Remote, RemotePort: 80, LocalPort: 1026, Local: 2, Generation: 2}, *table.At(again))
	require.Equal(t, Extra{}, *table.Extra(again))
	require.Equal(t, key, table.At(again).Key())
	require.Equal(t, "0.0.0.2:80", table.At(again).RemoteAddrPort().String())
}

func TestIDResolvesOnlyDuringOneUse(t *testing.T) {
	table := newTable(t, 2)
	key := numbered(1)
	index, err := table.Insert(&key)
	require.NoError(t, err)
	id := table.ID(index)
	require.NotZero(t, id)
	require.Equal(t, 3, id.Worker())
	_, ok := table.Resolve(id)
	require.False(t, ok, "not before the entry has a state")

	table.At(index).State = SynSent
	got, ok := table.Resolve(id)
	require.True(t, ok)
	require.Equal(t, index, got)

	table.Remove(index)
	_, ok = table.Resolve(id)
	require.False(t, ok, "ended")
	require.Equal(t, index, insert(t, table, key))
	_, ok = table.Resolve(id)
	require.False(t, ok, "the entry's next use is another")

	for name, id := range map[string]ID{
		"zero":           0,
		"another worker": MakeID(4, table.At(index).Generation, index),
		"no such index":  MakeID(3, 1, 2),
		"None":           MakeID(3, 1, None),
	} {
		_, ok = table.Resolve(id)
		require.False(t, ok, name)
	}
}

func TestGenerationWrapsWithoutZero(t *testing.T) {
	table := newTable(t, 1)
	index := insert(t, table, numbered(1))
	table.At(index).Generation = GenerationMask
	table.Remove(index)
	index = insert(t, table, numbered(1))
	require.EqualValues(t, 1, table.At(index).Generation)
}

func TestInsertRefusesWhatIsThereAndWhatDoesNotFit(t *testing.T) {
	table := newTable(t, 2)
	a, b, c := numbered(1), numbered(2), numbered(3)
	first := insert(t, table, a)
	insert(t, table, b)
	index, err := table.Insert(&a)
	require.ErrorIs(t, err, ErrExists)
	require.Equal(t, first, index)
	index, err = table.Insert(&c)
	require.ErrorIs(t, err, ErrFull)
	require.Equal(t, None, index)
	require.Equal(t, 2, table.Len())
	require.Equal(t, 2, table.Cap())
}

func TestRemoveOfAFreeEntryDoesNothing(t *testing.T) {
	table := newTable(t, 3)
	require.False(t, table.Remove(2), "never used")
	index := insert(t, table, numbered(1))
	require.True(t, table.Remove(index))
	require.False(t, table.Remove(index), "twice")
	require.Zero(t, table.Len())
	zero := Key{}
	_, ok := table.Lookup(&zero)
	require.False(t, ok, "a free entry's zero key is no connection")
}

func TestNewRefusesCapacities(t *testing.T) {
	for _, capacity := range []int{-1, 0, CapacityMax + 1} {
		_, err := New(capacity, 0, [2]uint64{})
		require.ErrorContains(t, err, "capacity")
	}
}

func TestMemoryPerConnection(t *testing.T) {
	for _, capacity := range []int{65536, 1 << 20, 10_000_000} {
		require.LessOrEqual(t, float64(newTable(t, capacity).Bytes())/float64(capacity), 106.7)
	}
}

// TestTableAgainstMap runs random calls on a table and on a map, at sizes
// where every call meets its neighbours.
func TestTableAgainstMap(t *testing.T) {
	rng := seeded.Rand(t)
	for _, capacity := range []int{1, 2, 7, 16, 17, 100, 1000} {
		model := map[Key]uint32{}
		table := newTable(t, capacity)
		for range 200 * min(capacity, 50) {
			step(t, rng, table, model, capacity)
		}
		require.Equal(t, len(model), table.Len())
		compare(t, rng, table, model, capacity)
		for key, index := range model {
			require.True(t, table.Remove(index), key)
		}
		require.Zero(t, table.Len())
		for _, b := range table.index.buckets {
			require.Equal(t, bucket{}, b, "an empty table's index is empty, counters too")
		}
	}
}

func step(t *testing.T, rng *rand.Rand, table *Table, model map[Key]uint32, capacity int) {
	key := numbered(rng.IntN(capacity * 3 / 2))
	want, there := model[key]
	got, ok := table.Lookup(&key)
	require.Equal(t, there, ok)
	if there {
		require.Equal(t, want, got)
	}
	if there && rng.IntN(2) == 0 {
		require.True(t, table.Remove(want))
		delete(model, key)
		return
	}
	index, err := table.Insert(&key)
	switch {
	case there:
		require.ErrorIs(t, err, ErrExists)
	case len(model) == capacity:
		require.ErrorIs(t, err, ErrFull)
	default:
		require.NoError(t, err)
		model[key] = index
	}
}

func compare(t *testing.T, rng *rand.Rand, table *Table, model map[Key]uint32, capacity int) {
	keys := make([]Key, 3*capacity)
	for i := range keys {
		keys[i] = numbered(rng.IntN(2 * capacity))
	}
	indexes := make([]uint32, len(keys))
	table.LookupBatch(keys, indexes)
	for i, key := range keys {
		want, there := model[key]
		if !there {
			want = None
		}
		require.Equal(t, want, indexes[i])
	}
}

// TestOneBucketHoldsEverything gives all keys one hash: the worst that could
// happen costs time and nothing else.
func TestOneBucketHoldsEverything(t *testing.T) {
	for _, capacity := range []int{16, 100} {
		table := newTable(t, capacity)
		const hash = ^uint64(0)
		for round := range 2 {
			indexes := make([]uint32, capacity)
			for i := range indexes {
				key := numbered(i)
				index, err := table.InsertHashed(&key, hash)
				require.NoError(t, err)
				indexes[i] = index
			}
			absent := numbered(capacity)
			require.Equal(t, None, table.LookupHashed(&absent, hash))
			for i, index := range indexes {
				key := numbered(i)
				require.Equal(t, index, table.LookupHashed(&key, hash))
			}
			for i := range indexes {
				index := indexes[(i+round*5)%capacity]
				require.True(t, table.index.remove(hash, index))
				require.False(t, table.index.remove(hash, index))
			}
			table = newTable(t, capacity)
		}
	}
}

// TestSearchEndsWhereEveryBucketOverflowed: counters that never reach 0 must
// not make a miss go round for ever.
func TestSearchEndsWhereEveryBucketOverflowed(t *testing.T) {
	table := newTable(t, 24)
	for i := range table.index.buckets {
		table.index.buckets[i].passed = 1
	}
	key := numbered(1)
	_, ok := table.Lookup(&key)
	require.False(t, ok)
	require.False(t, table.Remove(0))
	out := []uint32{7}
	table.LookupBatch([]Key{key}, out)
	require.Equal(t, []uint32{None}, out)
}

func TestHashDependsOnEachPartOfTheKeyAndTheSeed(t *testing.T) {
	table := newTable(t, 1)
	base := numbered(5)
	keys := []Key{base, base, base, base, base}
	keys[1].Remote++
	keys[2].RemotePort++
	keys[3].LocalPort++
	keys[4].Local++
	seen := map[uint64]bool{}
	for i := range keys {
		seen[table.Hash(&keys[i])] = true
	}
	other, err := New(1, 3, [2]uint64{1, 3})
	require.NoError(t, err)
	seen[other.Hash(&base)] = true
	require.Len(t, seen, 6)
	index := insert(t, table, base)
	require.Equal(t, table.Hash(&base), table.HashAt(index))
}

// TestHashSpreadsOrderedKeys: addresses and ports in order must fill buckets
// as evenly as random ones; 15 slots then overflow rarely.
func TestHashSpreadsOrderedKeys(t *testing.T) {
	families := map[string]func(i int) Key{
		"ports":     func(i int) Key { return Key{Remote: 1, RemotePort: 80, LocalPort: uint16(i)} },
		"addresses": func(i int) Key { return Key{Remote: uint32(i), RemotePort: 80, LocalPort: 1024} },
		"subnets":   func(i int) Key { return Key{Remote: uint32(i) << 8, RemotePort: 443, LocalPort: 1024} },
		"sources": func(i int) Key {
			return Key{Remote: 9, RemotePort: 80, LocalPort: uint16(i / 250), Local: uint16(i % 250)}
		},
	}
	for name, family := range families {
		table := newTable(t, 60000)
		for i := range 60000 {
			insert(t, table, family(i))
		}
		passed := 0
		for _, b := range table.index.buckets {
			passed += int(b.passed)
		}
		require.Less(t, passed, 900, name)
	}
}

func TestTableDoesNotAllocate(t *testing.T) {
	table := newTable(t, 1000)
	keys, indexes := make([]Key, 300), make([]uint32, 300)
	for i := range keys {
		keys[i] = numbered(i)
	}
	require.Zero(t, testing.AllocsPerRun(10, func() {
		for i := range keys {
			indexes[i], _ = table.Insert(&keys[i])
		}
		table.LookupBatch(keys, indexes)
		for _, index := range indexes {
			table.Remove(index)
		}
	}))
}
