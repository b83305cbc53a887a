package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/latency"
	"myriad/internal/testbed"
)

// Each load is offered, sleeping and polling, and answered.
func TestLatency(t *testing.T) {
	testbed.Require(t)
	requireCore(t)
	rows := longer(t, 150*time.Millisecond, func(duration string) []latency.Result {
		code, stdout, stderr := bench(t.Context(), strings.Fields("latency -json -batches 1,256 -live 64,256 -loads idle,10 -duration "+duration)...)
		if strings.Contains(stderr, latency.ErrUnanswered.Error()) {
			return []latency.Result{{}}
		}
		require.Equal(t, exitOK, code, stderr)
		return decodeRows[latency.Result](t, stdout)
	}, func(r latency.Result) bool { return r.Answered == 0 })
	require.Len(t, rows, 2*2*2+2*2*2, "sleeping and polling, at two loads; as many with live frames")
	live, bytes := 0, math.Inf(1)
	for _, r := range rows {
		require.Positive(t, r.Capacity, "%+v", r)
		require.LessOrEqual(t, r.Answered, r.Requests, "%+v", r)
		require.Positive(t, r.FrameToFrame.P50, "%+v", r)
		require.Positive(t, r.Own.P50, "%+v", r)
		require.GreaterOrEqual(t, r.FrameToFrame.P99, r.FrameToFrame.P50, "%+v", r)
		require.GreaterOrEqual(t, r.FromDue.Max, r.FrameToFrame.P50, "%+v", r)
		require.GreaterOrEqual(t, r.FramesPerTurn, 1.0, "%+v", r)
		require.Contains(t, r.Coalescing, "not measured")
		if r.Backend == "live" {
			live++
		}
		require.Positive(t, *r.FramesPerSecond)
		bytes = min(bytes, *r.FrameBytes)
		require.Equal(t, "one", r.Destinations)
		if r.MachineCores > 1 {
			require.Equal(t, []int{1, 1}, []int{r.ClientCores, r.FarEndCores})
			require.NotNil(t, r.CPUFarEnd)
		}
	}
	require.Equal(t, 8, live)
	// Replies that are sent again, because a busy machine's acknowledgements are late,
	// go together in one frame.
	require.InDelta(t, latency.FrameBytes, bytes, 0.5, "each way, where each reply goes once")
	part := latencyPart(rows, nil)
	require.Len(t, part.Rows, len(rows))
	require.Len(t, part.Charts, 4)
	require.Contains(t, part.Notes[0], "coalescing")
	for k := range part.Charts {
		_, err := part.Charts[k].SVG()
		require.NoError(t, err)
	}
}

func TestLatencyFlagsAreRefused(t *testing.T) {
	for args, says := range map[string]string{
		"-batches 0":    "-batches",
		"-batches 5000": "4096",
		"-live 5000":    "4096",
		"-loads 100":    "99 percent",
		"-loads 0":      "idle",
		"-loads fast":   "fast",
		"-polls maybe":  "maybe",
		"-duration 0s":  "-duration",
	} {
		code, _, stderr := bench(t.Context(), append([]string{"latency"}, strings.Fields(args)...)...)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, stderr, says)
	}
}
