package sim

import (
	"io"
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
		a, b := crowd(t, seed, 0), crowd(t, seed, 10)
		alone, beside = alone+a.Goodput, beside+b.Goodput
		t.Logf("seed %d: %.0f bytes a second alone (%d frames), %.0f beside hostile peers (%d frames)", seed, a.Goodput, a.Frames, b.Goodput, b.Frames)
	}
	t.Logf("goodput beside hostile peers: %.3f of what it is alone", beside/alone)
	require.GreaterOrEqual(t, beside/alone, 0.95)
}

func crowd(t *testing.T, seed uint64, hostile int) Crowd {
	t.Helper()
	c, err := RunCrowd(seed, 90, hostile, nil)
	if err != nil {
		reportRun(t, t.Name(), seed, err, func(capture io.Writer) { _, _ = RunCrowd(seed, 90, hostile, capture) })
		t.FailNow()
	}
	return c
}
