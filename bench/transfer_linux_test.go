package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/transfer"
	"myriad/internal/testbed"
)

func transferRows(t *testing.T, args ...string) (rows []transfer.Result) {
	code, stdout, stderr := bench(t.Context(), append([]string{"transfer", "-json"}, args...)...)
	require.Equal(t, exitOK, code, stderr)
	for line := range strings.Lines(stdout) {
		var r transfer.Result
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&r), line)
		require.Positive(t, r.Bytes, line)
		rows = append(rows, r)
	}
	return rows
}

// Virtual time: the figure is the same on every machine.
func TestSimulatedLinkIsFilled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a quarter of a minute: leave -short out")
	}
	rows := transferRows(t, "-simulated")
	require.Len(t, rows, 4)
	for _, r := range rows {
		require.GreaterOrEqual(t, r.LinkShare, 0.8, "%+v", r)
		require.LessOrEqual(t, r.Retransmitted, uint64(1), "the SYN, since both open at once: %+v", r)
	}
}

func TestTransfersAreMeasuredSideBySide(t *testing.T) {
	testbed.Require(t)
	kernel, ours := transfer.Kernel, transfer.Myriad
	for _, d := range []transfer.Direction{transfer.Download, transfer.Upload} {
		for _, client := range []string{kernel, ours} {
			r, err := transfer.Run(t.Context(), transfer.Case{
				Client: client, Direction: d, Congestion: "cubic", LossPercent: 5, Seconds: 0.5,
			})
			require.NoError(t, err)
			require.Positive(t, r.Bytes)
			require.NotZero(t, r.Retransmitted, "the loss took place: %+v", r)
		}
	}
}

// One window a round trip is all that can go: the delay was there.
func TestTransfersOverADelay(t *testing.T) {
	testbed.Require(t)
	const delay, window = 20 * time.Millisecond, 6 << 20
	for _, client := range []string{transfer.Kernel, transfer.Myriad} {
		for _, d := range []transfer.Direction{transfer.Download, transfer.Upload} {
			r, err := transfer.Run(t.Context(), transfer.Case{Client: client, Direction: d, Congestion: "cubic", Seconds: 0.5, Delay: delay})
			require.NoError(t, err)
			require.Positive(t, r.Bytes)
			trips := r.Seconds/(2*delay.Seconds()) + 1
			require.Less(t, float64(r.Bytes), trips*window, "%+v", r)
			require.Contains(t, r.Path, "40ms")
		}
	}
}
