package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
)

// The shares of the live path add up, and the kernel's part is in it; where the
// kernel does not let us look, that is said.
func TestStackSamplesTheLivePath(t *testing.T) {
	testbed.Require(t)
	var out, errs bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), []string{"stack", "-tables", "live", "-duration", "500ms", "-json"}, &out, &errs), errs.String())
	if errs.Len() > 0 {
		require.Contains(t, errs.String(), "bench: skipped: live: sampling: ")
		return
	}
	for rows := json.NewDecoder(&out); rows.More(); {
		var r liveRow
		require.NoError(t, rows.Decode(&r))
		require.Positive(t, r.Connections)
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
