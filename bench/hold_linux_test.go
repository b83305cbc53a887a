package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/farend"
	"myriad/bench/internal/hold"
	"myriad/bench/internal/wire"
	"myriad/internal/testbed"
)

func holdRows(t testing.TB, args string) []holdRow {
	t.Helper()
	testbed.Require(t)
	code, stdout, stderr := bench(t.Context(), strings.Fields("hold -json "+args)...)
	require.Equal(t, exitOK, code, stderr)
	require.Empty(t, stderr)
	return decodeRows[holdRow](t, stdout)
}

// All stand at once, to many peers and to one, and every request over any of
// them gets its reply.
func TestHoldHoldsAndExchanges(t *testing.T) {
	rows := holdRows(t, "-connections 500,3K -targets all -exchanges 5000 -window 512")
	require.Len(t, rows, 5)
	require.Equal(t, "hold-fill", rows[0].Method)
	for i, r := range rows[1:] {
		require.Equal(t, []string{"hold-unique", "hold-one"}[i%2], r.Method)
		require.EqualValues(t, []int{500, 3000}[i/2], r.Held)
		require.Equal(t, r.Held, r.Opened)
		require.Zero(t, r.Failed, r.FailedBy)
		require.False(t, r.Full)
		require.EqualValues(t, 5000, r.Exchanges)
		require.Zero(t, r.ExchangesMissing)
		require.Zero(t, r.ExchangesWrong)
		require.GreaterOrEqual(t, r.FarEnd.Data, 5000+r.Held, "one over each of the samples comes first")
		require.Positive(t, r.UsedPerConnection)
		require.Positive(t, r.PacketNanoseconds)
		require.GreaterOrEqual(t, r.PacketNanoseconds, r.PacketUser)
		require.GreaterOrEqual(t, r.CollectorShare, 0.0)
		require.GreaterOrEqual(t, r.FarEnd.SYN, r.Held)
		require.Equal(t, []string{"unique", "one"}[i%2], r.Destinations)
		require.GreaterOrEqual(t, *r.FramesPerConnection*float64(r.Held)+float64(r.LostToFarEnd), 3*float64(r.Held)-0.5,
			"SYN, SYN-ACK and ACK")
		require.NotNil(t, r.CPUBusy)
		require.NotNil(t, r.ShareOf10G)
		require.InEpsilon(t, float64(r.RSSBytes)/float64(r.Held), r.BytesPerConnection, 1e-6)
	}
}

// Every port of the one source address is used, and then Open says so.
func TestHoldFillsEveryPort(t *testing.T) {
	r := holdRows(t, "-targets fill")[0]
	require.EqualValues(t, holdPorts, r.Held)
	require.EqualValues(t, holdPorts, r.Tuples)
	require.True(t, r.Full)
	require.Zero(t, r.Failed, r.FailedBy)
	require.Len(t, r.OpenNanoseconds, len(stretchNames))
}

// Ctrl-C prints what was measured until then.
func TestHoldInterrupted(t *testing.T) {
	testbed.Require(t)
	interrupt(t, func(stdout string) bool { return strings.Contains(stdout, "hold-unique") },
		"hold", "-connections", "1K,1K,1K", "-targets", "unique", "-exchanges", "1000000000")
}

func TestHoldTableNamesWhatDisturbed(t *testing.T) {
	row := holdRow{
		Method: "hold-one", Connections: 10_000, Held: 9_999, FailedBy: map[string]uint64{"timed out": 1},
		Retransmitted: 7, ExchangesWrong: 2,
	}
	row.columns(&hold.Result{}, &wire.Arrivals{Counters: farend.Counters{NoRoom: 3}}, "one")
	part := holdPart([]holdRow{row})
	require.Contains(t, part.Rows[0], "9,999")
	require.Contains(t, part.Rows[0], "failed: timed out 1; sent again: 7; wrong replies: 2; dropped by the far end: 3")
}
