package transact

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQuantilesAreWithinAStep(t *testing.T) {
	for _, scale := range []time.Duration{1, 100, time.Microsecond, time.Second} {
		var h, half histogram
		for k := range 1000 {
			which := &h
			if k%2 == 0 {
				which = &half
			}
			which.record(time.Duration(k+1) * scale)
		}
		h.add(&half)
		require.EqualValues(t, 1000, h.total)
		for _, q := range []float64{0, 0.5, 0.9, 0.99, 0.999} {
			want := (q*1000 + 1) * float64(scale)
			require.InEpsilon(t, want, h.quantile(q), 1.0/steps, "%v of %v", q, scale)
		}
	}
	var h histogram
	require.Zero(t, h.quantile(0.5))
	h.record(-1)
	h.record(1<<63 - 1)
	require.EqualValues(t, 2, h.total)
}
