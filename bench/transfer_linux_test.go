package main

import (
	"encoding/json"
	"io"
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
	part := transferPart(rows)
	require.Len(t, part.Rows, len(rows))
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
			// Until the loss took place.
			r := until(t, func(r *transfer.Result) bool { return r.Bytes > 0 && r.Retransmitted > 0 }, transfer.Case{
				Client: client, Direction: d, Congestion: "cubic", LossPercent: 5, Seconds: 0.5,
			})
			require.Greater(t, *r.FramesPerSecond*r.Seconds, float64(r.Bytes)/1600, "segments of one MTU: %+v", r)
			require.Less(t, *r.FrameBytes, 1540.0)
			require.NotNil(t, r.CPUBusy)
		}
	}
}

// moved runs a case until bytes arrive.
func moved(t *testing.T, c transfer.Case) transfer.Result {
	return until(t, func(r *transfer.Result) bool { return r.Bytes > 0 }, c)
}

// until runs a case, longer and longer until something happens: on a busy machine the
// first bytes may take their time.
func until(t *testing.T, happened func(r *transfer.Result) bool, c transfer.Case) transfer.Result {
	t.Helper()
	for {
		r, err := transfer.Run(t.Context(), c)
		require.NoError(t, err)
		if happened(&r) {
			return r
		}
		require.Less(t, c.Seconds, 30.0, "%+v", r)
		c.Seconds *= 4
	}
}

// One window a round trip is all that can go: the delay was there.
func TestTransfersOverADelay(t *testing.T) {
	testbed.Require(t)
	const delay, window = 20 * time.Millisecond, 6 << 20
	for _, client := range []string{transfer.Kernel, transfer.Myriad} {
		for _, d := range []transfer.Direction{transfer.Download, transfer.Upload} {
			r := moved(t, transfer.Case{Client: client, Direction: d, Congestion: "cubic", Seconds: 0.5, Delay: delay})
			trips := r.Seconds/(2*delay.Seconds()) + 1
			require.Less(t, float64(r.Bytes), trips*window, "%+v", r)
			require.Contains(t, r.Path, "40ms")
		}
	}
}

// Many connections move bytes together, both ways.
func TestManyTransfers(t *testing.T) {
	testbed.Require(t)
	for _, d := range []transfer.Direction{transfer.Download, transfer.Upload} {
		for _, client := range []string{transfer.Kernel, transfer.Myriad} {
			r := moved(t, transfer.Case{Client: client, Direction: d, Congestion: "cubic", Connections: 200, Seconds: 0.4})
			require.Equal(t, 200, r.Connections)
		}
	}
	_, err := transfer.Run(t.Context(), transfer.Case{Connections: -1})
	require.ErrorContains(t, err, "Connections -1")
}

// By default one connection goes over each path, with each loss, and many over
// the one without either.
func TestTransferCases(t *testing.T) {
	o, err := parseTransfer(nil, io.Discard)
	require.NoError(t, err)
	seen := make(map[transfer.Case]bool)
	for _, c := range o.cases() {
		require.False(t, seen[c], "%+v", c)
		seen[c] = true
		require.Positive(t, c.Seconds)
	}
	require.Len(t, seen, 2*(2*3+1))
	for _, delay := range []time.Duration{0, 2 * time.Millisecond} {
		for _, loss := range []float64{0, 1, 5} {
			require.True(t, seen[transfer.Case{Direction: transfer.Upload, Delay: delay, LossPercent: loss, Connections: 1, Seconds: o.seconds}])
		}
	}
	require.True(t, seen[transfer.Case{Direction: transfer.Download, Connections: transferMany, Seconds: o.seconds}])
}

func TestTransferFlagsAreRefused(t *testing.T) {
	for args, says := range map[string]string{
		"-delay 2":          "-delay",
		"-delay 0s,2s":      "2s",
		"-connections 5000": "4096",
		"-connections 0":    "-connections",
		"-loss 51":          "51",
	} {
		code, _, stderr := bench(t.Context(), append([]string{"transfer"}, strings.Fields(args)...)...)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, stderr, says)
	}
}
