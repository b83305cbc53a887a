package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/send"
	"myriad/internal/testbed"
)

// Each rate is offered to each method, and something is done at it.
func TestCPUAtFixedRates(t *testing.T) {
	testbed.Require(t)
	rows := longer(t, 200*time.Millisecond, func(duration string) []cpuRow {
		code, stdout, stderr := bench(t.Context(), strings.Fields("cpu -json -connections 500 -frames 20K -rounds 2 -duration "+duration)...)
		require.Equal(t, exitOK, code, stderr)
		require.Empty(t, stderr)
		return decodeRows[cpuRow](t, stdout)
	}, func(r cpuRow) bool { return r.Done == 0 })
	require.Len(t, rows, 2*(len(cpuMethods)+len(send.Methods)))
	for _, r := range rows {
		if r.Work == "connections" {
			require.Zero(t, r.Failed, "%+v", r)
		}
		require.Positive(t, r.Cores, "%+v", r)
		require.InDelta(t, 0.5, r.Share, 0.5, "%+v", r) // 0 as well: the kernel counts in hundredths of a second
		require.Positive(t, r.FarEndSeconds, "%+v", r)
		require.Positive(t, *r.CPUFarEnd, "%+v", r)
		require.Positive(t, *r.FramesPerSecond, "%+v", r)
		require.Equal(t, r.Work == "connections", r.FramesPerConnection != nil)
		// Who is late may catch up, but nobody is faster than the clock.
		require.LessOrEqual(t, float64(r.Done), r.OfferedPerSecond*r.Seconds+send.BatchMax, "%+v", r)
	}
	part := cpuPart(rows, []string{"something: not there"})
	require.Len(t, part.Rows, len(rows)/2)
	require.Len(t, part.Charts, 2)
	require.Equal(t, "something: not there", part.Notes[0])
}

// A rate that nothing keeps is said to be missed, beside the figure.
func TestMissedRatesSaySo(t *testing.T) {
	row := cpuRow{Work: "frames", Method: "raw", OfferedPerSecond: 1000, AchievedPerSecond: 500, Seconds: 1, Done: 500}
	row.sumUp()
	require.False(t, row.Reached)
	part := cpuPart([]cpuRow{row}, nil)
	require.Contains(t, part.Rows[0], "500 (not reached)")
	require.Contains(t, part.Rows[0], "round 0: 500/s of 1,000/s reached")
	row.AchievedPerSecond, row.Disturbed = 990, nil
	row.sumUp()
	require.True(t, row.Reached)
	require.Empty(t, row.Disturbed)
}

func TestCPUFlagsAreRefused(t *testing.T) {
	for args, says := range map[string]string{
		"-connections 1":    "-connections 1 is below",
		"-connections fast": "fast",
		"-frames 0":         "-frames",
		"-rounds 0":         "-rounds",
		"-duration 2m":      "-duration",
	} {
		code, _, stderr := bench(t.Context(), append([]string{"cpu"}, strings.Fields(args)...)...)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, stderr, says)
	}
}
