package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/send"
	"myriad/internal/testbed"
)

func sendRows(t testing.TB, args string) []sendRow {
	t.Helper()
	testbed.Require(t)
	code, stdout, stderr := bench(t.Context(), strings.Fields("send -json "+args)...)
	require.Equal(t, exitOK, code, stderr)
	require.Empty(t, stderr)
	return decodeRows[sendRow](t, stdout)
}

// Each method sends all that it is asked to, and the far end counts it.
func TestSendByEachMethod(t *testing.T) {
	const count = 3000
	rows := sendRows(t, "-tables rate -count 3000 -sizes 64,1518 -queues 1,2 -batch 64")
	require.Len(t, rows, 2*len(send.Methods)*4)
	for _, r := range rows {
		require.EqualValues(t, count*r.Queues, r.Sent+r.Refused, "%+v", r)
		require.Equal(t, r.Sent, r.Arrived+r.Lost, "%+v", r)
		require.Positive(t, r.Arrived, "%+v", r)
		require.Positive(t, r.perSecond())
		require.Equal(t, []int{1, r.Queues, 0}, []int{r.Interfaces, r.ClientCores, r.FarEndCores})
		require.InEpsilon(t, r.perSecond()*(*r.FrameBytes+20)*8/1e9, *r.ShareOf1G, 1e-9)
		require.NotNil(t, r.CPUBusy)
		require.Nil(t, r.CPUFarEnd, "it has no processor of its own")
	}
}

// Myriad's SYNs are counted beside the bare senders' frames, by batch, over AF_XDP
// and with live frames.
func TestSendByTheWholeStack(t *testing.T) {
	methods := []string{"afxdp", "myriad", "live", "myriad-live"}
	rows := longer(t, 20*time.Millisecond, func(duration string) []sendRow {
		return sendRows(t, "-tables stack -queues 1 -rounds 1 -duration "+duration)
	}, func(r sendRow) bool { return r.Arrived == 0 })
	require.Len(t, rows, 2*len(methods)*len(floorBatches))
	part := sendPart(rows)
	floor := make(map[string]float64)
	for _, r := range rows {
		if r.Method == "afxdp" {
			floor[r.Destinations] = max(floor[r.Destinations], r.perSecond())
		}
	}
	for k, r := range rows {
		require.Equal(t, methods[k%len(methods)], r.Method)
		require.Equal(t, floorBatches[k/len(methods)%len(floorBatches)], r.Batch)
		require.InDelta(t, 70, *r.FrameBytes, 1e-9, "a SYN with its options")
		require.Equal(t, r.Method != "afxdp", r.ShareOfFloor != nil)
		if r.ShareOfFloor != nil {
			require.InEpsilon(t, r.perSecond()/floor[r.Destinations], *r.ShareOfFloor, 1e-9, "in the JSON, too")
			require.Contains(t, part.Rows[k], r.floor())
		}
	}
	require.Contains(t, part.Columns, "of the floor")
	best := part.More[0]
	require.Len(t, best.Rows, 2*len(methods))
	for k, cells := range best.Rows {
		require.Len(t, cells, len(best.Columns))
		require.Equal(t, k >= len(methods), cells[len(cells)-1] != "", "unique to one: %v", cells)
	}
}

// Each method is told at the batch at which it sends most, by the median of the
// rounds.
func TestSendTellsTheBestBatch(t *testing.T) {
	row := func(round int, method, destinations string, batch int, rate float64) sendRow {
		r := sendRow{Table: "stack", Round: round, Method: method, Queues: 1, Batch: batch}.to(destinations, synBytes)
		r.FramesPerSecond = &rate
		return r
	}
	rows := []sendRow{
		row(1, "afxdp", "one", 32, 50), row(1, "afxdp", "one", 64, 40), row(1, "myriad-live", "one", 32, 80), row(1, "myriad-live", "one", 64, 100),
		row(1, "afxdp", "unique", 64, 40), row(1, "myriad-live", "unique", 32, 90), row(1, "myriad-live", "unique", 64, 60),
		row(2, "afxdp", "one", 32, 60), row(2, "myriad-live", "one", 32, 60), row(2, "afxdp", "unique", 32, 50), row(2, "myriad-live", "unique", 32, 30),
		row(3, "afxdp", "one", 32, 100), row(3, "myriad-live", "one", 64, 150), row(3, "afxdp", "unique", 32, 100), row(3, "myriad-live", "unique", 64, 150),
	}
	stackShares(rows)
	require.ElementsMatch(t, [][]string{
		{"1", "one", "afxdp", "32, 32, 32", "60", "50", "100", "", ""},
		{"1", "one", "myriad-live", "64, 32, 64", "100", "60", "150", "1.50 × (1.00 to 2.00)", ""},
		{"1", "unique", "afxdp", "64, 32, 32", "50", "40", "100", "", "0.83 × (0.80 to 1.00)"},
		{"1", "unique", "myriad-live", "32, 32, 64", "90", "30", "150", "1.50 × (0.60 to 2.25)", "0.90 × (0.50 to 1.00)"},
	}, stackBest(rows).Rows)
}

// On an interface that was named nobody counts what arrives.
func TestSendOnAnInterface(t *testing.T) {
	rows := sendRows(t, "-interface lo -source 127.0.0.1 -target 127.1.0.0/16 -methods raw,raw-batch -tables rate,batch -sizes 64 -batches 1,7 -queues 1 -count 500")
	require.Len(t, rows, 2*2+2)
	for _, r := range rows {
		require.EqualValues(t, 500, r.Sent, "%+v", r)
		require.False(t, r.Counted, "%+v", r)
		require.Positive(t, r.perSecond())
	}
	require.Contains(t, sendPart(rows).Rows[0], "not measured")
}

func TestSendByBatchAndWithFirewall(t *testing.T) {
	rows := sendRows(t, "-tables batch,firewall -count 5000 -queues 1 -batches 1,7,4096 -methods raw,packet-batch,packet-ring,afxdp")
	require.Len(t, rows, 3*3+4*4)
	walls := 0
	for _, r := range rows {
		require.EqualValues(t, 5000, r.Sent+r.Refused, "%+v", r)
		require.Positive(t, r.Arrived, "%+v", r)
		if r.Firewall {
			walls++
		}
	}
	require.Equal(t, 8, walls)
	part := sendPart(rows)
	require.Len(t, part.Rows, len(rows))
	for _, cells := range part.Rows {
		require.Len(t, cells, len(part.Columns))
	}
	require.Len(t, part.Charts, 2)
	require.Len(t, part.Charts[0].Lines, 3)
}

// Ctrl-C prints what was measured until then.
func TestSendInterrupted(t *testing.T) {
	testbed.Require(t)
	interrupt(t, func(stdout string) bool { return strings.Contains(stdout, "raw") }, "send", "-duration", "10m")
}
