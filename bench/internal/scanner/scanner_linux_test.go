package scanner

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/wire"
	"myriad/internal/testbed"
)

// world runs a tool against the far end, and returns what both say. sending is
// called when the first SYN is there, and later.
func world(t *testing.T, ctx context.Context, tool string, j Job, sending func()) (Result, wire.Arrivals) {
	testbed.Require(t)
	if _, err := Find(tool); err != nil {
		t.Skipf("needs %s: %v", tool, err)
	}
	w, err := wire.New(wire.Config{Queues: 2, Pass: true, Addressed: true})
	require.NoError(t, err)
	defer w.Close()
	j.Interface, j.Gateway, j.Sources, j.Targets, j.Port = wire.Interface, w.Gateway, wire.Sources, wire.Targets, wire.Port
	j.Threads = 2
	j.SYNs = func() (uint64, error) {
		c, err := w.FarEnd.Counters()
		if c.SYN > 0 {
			sending()
		}
		return c.SYN, err
	}
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	r, err := Run(ctx, tool, j, w.Start)
	require.NoError(t, err)
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left)
	c, err := w.Settle(0)
	require.NoError(t, err)
	require.Zero(t, c.Dropped(), "%+v", c)
	return r, c
}

// Each tool sends what it should, to the far end, and sees answers.
func TestEachToolSendsWhatItShould(t *testing.T) {
	for _, tool := range Tools {
		t.Run(tool, func(t *testing.T) {
			const count = 3000
			r, came := world(t, t.Context(), tool, Job{Count: count}, func() {})
			require.LessOrEqual(t, came.SYN, uint64(count+64)) // masscan rounds up
			require.GreaterOrEqual(t, came.SYN+came.LostToFarEnd, uint64(count-64))
			require.NotZero(t, r.Answered)
			require.LessOrEqual(t, r.Answered, came.SYN)
			require.Positive(t, r.Process.User+r.Process.System)
		})
	}
}

// What is stopped while it sends says what it did, and leaves nothing.
func TestToolsStop(t *testing.T) {
	for _, tool := range Tools {
		t.Run(tool, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, came := world(t, ctx, tool, Job{Duration: 10 * time.Minute}, cancel)
			require.NotZero(t, came.SYN)
		})
	}
}

func TestMissingTool(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Find("no-such-scanner")
	require.ErrorIs(t, err, ErrMissing)
	_, err = Run(t.Context(), "carrier-pigeon", Job{}, func(*exec.Cmd) error { return nil })
	require.ErrorContains(t, err, `no tool "carrier-pigeon"`)
}
