package conntable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/seeded"
)

func newQuarantine(t testing.TB, capacity int, rest time.Duration) *Quarantine {
	t.Helper()
	q, err := NewQuarantine(capacity, rest)
	require.NoError(t, err)
	return q
}

func TestTupleRestsAndThenNoMore(t *testing.T) {
	for _, rest := range []time.Duration{time.Millisecond, time.Second, 7 * time.Second, RestMax} {
		for _, start := range []time.Duration{0, time.Second / 3, 1<<32*time.Millisecond - rest/2} {
			q := newQuarantine(t, 100, rest)
			require.Equal(t, rest, q.Rest())
			q.Add(42, start)
			q.Add(1<<63, start) // no bit in the part that is kept
			require.True(t, q.Resting(1<<63, start))
			require.False(t, q.Resting(43, start), "another tuple")
			for _, after := range []time.Duration{0, rest / 7, rest - 1} {
				require.True(t, q.Resting(42, start+after), "%v of %v", after, rest)
			}
			end := start + rest + rest/32 + 1
			require.False(t, q.Resting(42, end), "%v", rest)
			// However long it has been, an old slot never looks young again.
			for range 600 {
				end += rest / 64
				require.False(t, q.Resting(42, end))
			}
			q.Add(42, end)
			require.True(t, q.Resting(42, end), "and again")
			require.False(t, q.Resting(42, end+1000*rest), "after a jump of the clock")
			require.Zero(t, q.Shortened())
		}
	}
}

func TestTupleAddedAgainBeginsAnew(t *testing.T) {
	q := newQuarantine(t, 1, time.Second)
	q.Add(42, 0)
	q.Add(42, 900*time.Millisecond)
	require.True(t, q.Resting(42, 1800*time.Millisecond))
	require.False(t, q.Resting(42, 2*time.Second))
}

func TestNoRest(t *testing.T) {
	q := newQuarantine(t, 100, 0)
	q.Add(1, 0)
	require.False(t, q.Resting(1, 0))
	require.Zero(t, q.Shortened())
}

func TestFullQuarantineCutsTheOldestShort(t *testing.T) {
	q := newQuarantine(t, 1, time.Second) // one bucket of 16
	for i := range 17 {
		q.Add(uint64(i+1), time.Duration(i)*20*time.Millisecond)
	}
	now := 320 * time.Millisecond
	require.EqualValues(t, 1, q.Shortened())
	require.False(t, q.Resting(1, now))
	for i := 1; i < 17; i++ {
		require.True(t, q.Resting(uint64(i+1), now))
	}
	require.True(t, q.Resting(3, 0), "time that goes back changes nothing")
}

// TestQuarantineAtItsCapacity runs it full of random tuples: few are cut
// short, and none that should rest is let go otherwise.
func TestQuarantineAtItsCapacity(t *testing.T) {
	rng := seeded.Rand(t)
	const capacity = 10_000
	q := newQuarantine(t, capacity, time.Second)
	require.Less(t, q.Bytes(), 11*capacity)
	hashes := make([]uint64, 5*capacity)
	lost := 0
	for i := range hashes {
		hashes[i] = rng.Uint64()
		now := time.Duration(i) * time.Second / capacity
		q.Add(hashes[i], now)
		if i > capacity {
			if !q.Resting(hashes[i-rng.IntN(capacity)], now) {
				lost++
			}
		}
	}
	mistaken := 0
	for _, hash := range hashes[:39*capacity/10] {
		if q.Resting(hash, 5*time.Second) {
			mistaken++
		}
	}
	require.Less(t, mistaken, 5, "over, but for one in a million that looks like another")
	require.Less(t, int(q.Shortened()), len(hashes)/500)
	require.Less(t, lost, len(hashes)/500)
}

func TestNewQuarantineRefuses(t *testing.T) {
	for _, bad := range []struct {
		capacity int
		rest     time.Duration
		names    string
	}{{0, time.Second, "capacity 0"}, {CapacityMax + 1, 1, "capacity"}, {1, -1, "rest -1ns"}, {1, RestMax + 1, "rest"}} {
		_, err := NewQuarantine(bad.capacity, bad.rest)
		require.ErrorContains(t, err, bad.names)
	}
}

func TestQuarantineDoesNotAllocate(t *testing.T) {
	q := newQuarantine(t, 1000, time.Second)
	now := time.Duration(0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		now += time.Second / 20
		q.Add(uint64(now), now)
		q.Resting(uint64(now), now)
	}))
}

func BenchmarkQuarantine(b *testing.B) {
	q := newQuarantine(b, 1<<18, time.Second)
	for i := range b.N {
		hash, now := uint64(i)*0x9e3779b97f4a7c15, time.Duration(i)*4*time.Microsecond
		if !q.Resting(hash, now) {
			q.Add(hash, now)
		}
	}
}
