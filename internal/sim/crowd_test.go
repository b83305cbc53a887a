package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Honest connections beside a tenth of hostile ones lose at most 5 % of their
// goodput, though all share one memory that is little more than they need
// alone. The seeds are fixed: the figure is the same every time.
func TestHonestBesideHostile(t *testing.T) {
	worlds := uint64(4)
	if testing.Short() {
		worlds = 2
	}
	var alone, beside float64
	for seed := uint64(1); seed <= worlds; seed++ {
		a, err := RunCrowd(seed, 90, 0)
		require.NoError(t, err, "seed %d", seed)
		b, err := RunCrowd(seed, 90, 10)
		require.NoError(t, err, "seed %d", seed)
		alone, beside = alone+a.Goodput, beside+b.Goodput
		t.Logf("seed %d: %.0f bytes a second alone (%d frames), %.0f beside hostile peers (%d frames)", seed, a.Goodput, a.Frames, b.Goodput, b.Frames)
	}
	t.Logf("goodput beside hostile peers: %.3f of what it is alone", beside/alone)
	require.GreaterOrEqual(t, beside/alone, 0.95)
}
