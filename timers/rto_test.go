package timers

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/seeded"
)

func TestRTOBeforeAnySample(t *testing.T) {
	var r RTO
	_, ok := r.SRTT()
	require.False(t, ok)
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		require.Equal(t, want*time.Second, r.Value())
		r.Backoff()
	}
	require.Equal(t, 8, r.Backoffs())
	for range 300 {
		r.Backoff()
	}
	require.Equal(t, 255, r.Backoffs(), "counts up to what fits")
}

func TestRTOFirstSample(t *testing.T) {
	var r RTO
	r.Sample(400*time.Millisecond, 0, 0)
	require.Equal(t, 1200*time.Millisecond, r.Value(), "SRTT + 4·RTT/2")
	srtt, ok := r.SRTT()
	require.True(t, ok)
	require.Equal(t, 400*time.Millisecond, srtt)
}

func TestRTOBounds(t *testing.T) {
	var r RTO
	r.Sample(100*time.Microsecond, 0, 0)
	require.Equal(t, 100*time.Microsecond+RTOFloor, r.Value())
	r.Sample(100*time.Microsecond, time.Nanosecond, 0)
	require.Equal(t, 1100*time.Microsecond, r.Value(), "SRTT + G")
	r.Sample(time.Minute, 0, 2*time.Second)
	require.Equal(t, 2*time.Second, r.Value())
	r.Backoff()
	require.Equal(t, 2*time.Second, r.Value(), "the ceiling binds back-off too")
	r.Sample(-time.Second, 0, 0)
	r.Sample(math.MaxInt64, 0, math.MaxInt64)
	require.LessOrEqual(t, r.Value(), 2000*time.Second)
}

func TestRTOSampleEndsBackoff(t *testing.T) {
	var r RTO
	r.Sample(100*time.Millisecond, 0, 0)
	r.Backoff()
	r.Backoff()
	require.Equal(t, 1200*time.Millisecond, r.Value())
	r.Sample(100*time.Millisecond, 0, 0)
	require.Zero(t, r.Backoffs())
	require.Equal(t, 300*time.Millisecond, r.Value())
}

func TestRTOAfterSYN(t *testing.T) {
	var r RTO
	r.Backoff()
	r.AfterSYN()
	require.Equal(t, 3*time.Second, r.Value())
	require.Zero(t, r.Backoffs())
	r.Sample(100*time.Millisecond, 0, 0)
	require.Equal(t, 300*time.Millisecond, r.Value())

	r = RTO{}
	r.Sample(2*time.Second, 0, 0)
	r.AfterSYN()
	require.Equal(t, 6*time.Second, r.Value(), "an estimate above 3 s stands")
}

// TestRTOAgainstOracle compares with RFC 6298 in floating point, for round
// trips from 0.1 ms to 60 s: no fraction of a unit is taken for another.
func TestRTOAgainstOracle(t *testing.T) {
	rng := seeded.Rand(t)
	for range 200 {
		var r RTO
		var srtt, rttvar float64
		base := 1e-4 * math.Pow(600_000, rng.Float64())
		for i := range 100 {
			rtt := min(max(base*(0.5+rng.Float64()), 1e-4), 60)
			sample := time.Duration(rtt * float64(time.Second))
			r.Sample(sample, time.Nanosecond, 1000*time.Second)
			x := sample.Truncate(time.Microsecond).Seconds()
			if i == 0 {
				srtt, rttvar = x, x/2
			} else {
				rttvar += (math.Abs(srtt-x) - rttvar) / 4
				srtt += (x - srtt) / 8
			}
			want := srtt + max(Tick.Seconds(), 4*rttvar)
			require.InDelta(t, want, r.Value().Seconds(), 20e-6+want*1e-4)
			got, _ := r.SRTT()
			require.InDelta(t, srtt, got.Seconds(), 8e-6)
		}
	}
}

func TestRTODoesNotAllocate(t *testing.T) {
	var r RTO
	require.Zero(t, testing.AllocsPerRun(10, func() { r.Sample(time.Millisecond, 0, 0); r.Backoff() }))
}
