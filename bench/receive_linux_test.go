package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/receive"
	"myriad/internal/testbed"
)

func receiveRows(t testing.TB, args string) []receiveRow {
	t.Helper()
	testbed.Require(t)
	requireCore(t)
	code, stdout, stderr := bench(t.Context(), strings.Fields("receive -json "+args)...)
	require.Equal(t, exitOK, code, stderr)
	require.Empty(t, stderr)
	return decodeRows[receiveRow](t, stdout)
}

// requireAccounted checks that each frame that was sent was taken, or dropped
// with a reason, and the queues' parts add up.
func requireAccounted(t testing.TB, r receiveRow) {
	t.Helper()
	require.Positive(t, r.Taken, "%+v", r)
	require.Zero(t, r.DropApplication, "%+v", r)
	require.LessOrEqual(t, r.Taken, r.Sent, "%+v", r)
	require.Len(t, r.PerQueue, r.Queues)
	var taken, handed uint64
	for _, q := range r.PerQueue {
		taken += q.Taken
		handed += q.HandedOver
	}
	require.Equal(t, r.Taken, taken)
	require.Equal(t, r.HandedOver, handed)
}

func TestReceiveAtARate(t *testing.T) {
	rows := receiveRows(t, "-tables rate -rates 20K -duration 100ms -queues 1,2")
	require.Len(t, rows, 4)
	for _, r := range rows {
		require.EqualValues(t, 2000, r.Sent)
		requireAccounted(t, r)
		require.Equal(t, "unique", r.Destinations)
		require.Positive(t, r.takenPerSecond())
		require.Positive(t, r.ClientCores)
		require.NotNil(t, r.CPUBusy)
		require.Equal(t, r.FarEndCores > 0, r.CPUFarEnd != nil, "the generator's processor")
		require.Len(t, r.cells(), len(receivePart(rows).Columns))
		require.Zero(t, r.HandedOver)
		for k, q := range r.PerQueue {
			require.Positive(t, q.Taken, "queue %d of %d: %+v", k, r.Queues, r)
		}
	}
}

// A burst of as many frames as a queue has is taken, and one beyond all memory
// is not, with the reason counted.
func TestReceiveBursts(t *testing.T) {
	for _, r := range receiveRows(t, "-tables burst -pools 512") {
		requireAccounted(t, r)
		require.Positive(t, r.Burst, "%+v", r)
		require.Less(t, r.Burst, 4*512)
		require.Positive(t, r.DropRingFull+r.DropFillEmpty+r.DropDevice, "%+v", r)
	}
}

// All frames arrive on one queue; only with hand-over does the other see any.
func TestReceiveUnderImbalance(t *testing.T) {
	rows := receiveRows(t, "-tables imbalance -backends afxdp -thresholds never,64 -capacity 5000 -offered 20000 -duration 300ms")
	require.Len(t, rows, 3)
	for _, r := range rows {
		require.EqualValues(t, 6000, r.Sent)
		requireAccounted(t, r)
	}
	require.Equal(t, []int{plainPool, 0}, []int{rows[0].Pool, rows[0].Threshold}, "without pool and hand-over")
	require.Zero(t, rows[0].HandedOver)
	rows = rows[1:]
	idle := func(r receiveRow) uint64 { return min(r.PerQueue[0].Taken, r.PerQueue[1].Taken) }
	require.Zero(t, idle(rows[0]))
	require.Zero(t, rows[0].HandedOver)
	require.Positive(t, idle(rows[1]))
	require.Positive(t, rows[1].HandedOver)
}

// Ctrl-C prints what was measured until then.
func TestReceiveInterrupted(t *testing.T) {
	testbed.Require(t)
	requireCore(t)
	interrupt(t, func(stdout string) bool { return strings.Contains(stdout, "afxdp") },
		"receive", "-duration", "1m", "-rates", "1K")
}

// A generator that was slow, and what was lost before our memory, is said beside
// the figure.
func TestReceivePartSaysWhatDisturbed(t *testing.T) {
	row := receiveRow{Table: "rate", Backend: "afxdp", Offered: 1000, SentPerSecond: 500, Sent: 100}
	row.fill([]receive.Queue{{Taken: 85}}, deviceDrops{transmit: 5})
	part := receivePart([]receiveRow{row})
	require.Contains(t, part.Rows[0], "the generator reached only 500/s; the device's own ring lost 5; seen nowhere: 10")
	require.Len(t, part.Charts, 1)
}
