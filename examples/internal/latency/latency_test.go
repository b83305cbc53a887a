package latency

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBucketsMeet(t *testing.T) {
	for b := range buckets - 1 {
		require.Equal(t, b, bucket(upper(b)-1), b)
		require.Equal(t, b+1, bucket(upper(b)), b)
	}
	require.Zero(t, bucket(-time.Second))
	require.Equal(t, buckets-1, bucket(time.Hour))
	require.Greater(t, upper(buckets-1), time.Minute)
}

func TestQuantilesAgainstSorting(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var h Histogram
	var all []time.Duration
	for range 10_000 {
		d := time.Duration(random.ExpFloat64() * float64(20*time.Millisecond))
		all = append(all, d)
		h.Observe(d)
	}
	slices.Sort(all)
	d := h.Distribution()
	require.EqualValues(t, len(all), d.Count)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
		exact := all[int(q*float64(len(all)))-1]
		require.InEpsilon(t, float64(exact+2*time.Microsecond), float64(d.Quantile(q)+2*time.Microsecond), 0.07, q)
	}
	last := uint64(0)
	for _, n := range d.Below {
		require.Greater(t, n, last)
		last = n
	}
	require.Equal(t, d.Count, last)
	require.Zero(t, new(Histogram).Distribution().Quantile(0.5))
	require.Zero(t, testing.AllocsPerRun(100, func() { h.Observe(time.Millisecond) }))
}
