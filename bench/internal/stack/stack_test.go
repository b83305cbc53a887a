package stack

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRunMeasuresWholeLives(t *testing.T) {
	r, err := Run(context.Background(), Config{InFlight: 1000, Lives: 200_000, Batch: 256})
	require.NoError(t, err)
	require.GreaterOrEqual(t, r.Lives, uint64(200_000))
	require.Positive(t, r.Ours)
	require.Less(t, r.Mallocs, uint64(1000), "nothing is allocated for a connection")
	require.Zero(t, r.Stats.Retransmitted)
	for name, n := range r.Stats.Drops {
		require.Zero(t, n, name)
	}
	total := 0.0
	for _, c := range r.Components {
		total += c.Share
	}
	if r.Samples > 0 {
		require.InDelta(t, 1, total, 1e-9)
	}
}

func TestRunRefusesWhatCannotBe(t *testing.T) {
	for _, c := range []Config{{}, {InFlight: 1, Lives: 1, Batch: 5000}, {InFlight: 1, Batch: 1}} {
		_, err := Run(context.Background(), c)
		require.Error(t, err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, err := Run(ctx, Config{InFlight: 1000, Lives: 1 << 30, Batch: 256})
	require.NoError(t, err)
	require.Less(t, r.Lives, uint64(1<<30))
}
