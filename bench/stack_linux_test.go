package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
)

// The shares of the live path add up, and the kernel's part is in it; where the
// kernel does not let us look, that is said.
func TestStackSamplesTheLivePath(t *testing.T) {
	testbed.Require(t)
	rows := longer(t, 500*time.Millisecond, func(duration string) []liveRow {
		code, stdout, stderr := bench(t.Context(), "stack", "-tables", "live", "-duration", duration, "-json")
		require.Equal(t, exitOK, code, stderr)
		if stderr != "" {
			require.Contains(t, stderr, "bench: skipped: live: sampling: ")
			return nil
		}
		return decodeRows[liveRow](t, stdout)
	}, func(r liveRow) bool { return r.Connections == 0 || r.Samples == 0 })
	for _, r := range rows {
		require.Greater(t, r.Packets, r.Connections)
		require.NotNil(t, r.CPUBusy)
		require.InEpsilon(t, float64(r.Packets)/r.Seconds, *r.FramesPerSecond, 0.02)
		sum, driver, ours := 0.0, 0.0, 0.0
		for _, c := range r.Components {
			sum += c.Share
			if c.Name == "driver and softirq" {
				driver = c.NsPerConnection
			}
			if len(c.Name) > 6 && c.Name[:6] == "ours: " {
				ours += c.Share
			}
		}
		require.InDelta(t, 1, sum, 1e-9)
		require.InDelta(t, r.Ours, ours, 1e-9)
		require.Positive(t, driver)
	}
}
