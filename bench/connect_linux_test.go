package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/report"
	"myriad/bench/internal/wire"
	"myriad/internal/testbed"
)

// measure runs connect, which must succeed, and returns its rows.
func measure(t testing.TB, args string) []report.Row {
	t.Helper()
	testbed.Require(t)
	code, stdout, stderr := bench(t.Context(), strings.Fields("connect -json "+args)...)
	require.Equal(t, exitOK, code, stderr)
	require.Empty(t, stderr)
	return parseRows(t, stdout)
}

func parseRows(t testing.TB, stdout string) (rows []report.Row) {
	for line := range strings.Lines(stdout) {
		var r report.Row
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&r), line)
		rows = append(rows, r)
	}
	return rows
}

// completedNone reports whether a run is over before it has done anything.
func completedNone(r report.Row) bool { return r.Completed == 0 }

// requireAllCompleted checks a run of count connections against the far end's
// counters. On a machine that is busy with other things a worker may not run
// for longer than the retransmission timeout; then segments are sent again, and
// the second answer is a duplicate, or finds its connection gone. And the far
// device's softirq may not run before its ring of 256 frames is full: what the
// near device counts as lost there is all that the far end may miss. Nothing else
// may be dropped.
func requireAllCompleted(t testing.TB, r report.Row, count uint64) {
	t.Helper()
	require.Equal(t, count, r.Opened)
	require.Equal(t, count, r.Completed)
	require.Zero(t, r.Failed, r.FailedBy)
	require.LessOrEqual(t, r.Dropped, r.Retransmitted, r.DroppedBy)
	for _, twice := range []string{"no_connection", "tcp_duplicate", "tcp_syn_challenged"} {
		delete(r.DroppedBy, twice)
	}
	require.Empty(t, r.DroppedBy)
	require.Zero(t, r.FarEnd.Dropped(), "%+v", r.FarEnd)
	require.Equal(t, r.FramesSent, r.FarEnd.Received()+r.LostToFarEnd, "%+v", r.FarEnd)
	requireAbout(t, r, count, r.FarEnd.SYN)
}

// requireAbout checks that the far end got want frames of a kind, and beyond
// them only what was sent again; on the way there may have been lost what the
// near device says.
func requireAbout(t testing.TB, r report.Row, want, got uint64) {
	t.Helper()
	require.GreaterOrEqual(t, got+r.LostToFarEnd, want, "%+v", r.FarEnd)
	require.LessOrEqual(t, got, want+r.Retransmitted, "%+v", r.FarEnd)
}

// Every connection gets its whole reply, the two ends count the same frames,
// and the far end finds no wrong checksum.
func TestConnectCompletesEveryConnection(t *testing.T) {
	const count = 20_000
	for _, c := range []struct {
		method, args string
		data, fin    uint64
	}{
		{"rst", "-request 0", 0, 0},
		{"request", "-request 200", count, 0},
		{"fin", "-request 0 -close fin", 0, count},
		{"request-fin", "-request 77 -reply 33 -close fin", count, count},
	} {
		t.Run(c.method, func(t *testing.T) {
			rows := measure(t, fmt.Sprintf("%s -count %d -window 512 -verify", c.args, count))
			require.Len(t, rows, 1)
			r := rows[0]
			require.Equal(t, c.method, r.Method)
			requireAllCompleted(t, r, count)
			requireAbout(t, r, c.data, r.FarEnd.Data)
			requireAbout(t, r, c.fin, r.FarEnd.FIN)
			require.Equal(t, r.FarEnd.Data*uint64(r.RequestBytes), r.FarEnd.Bytes)
			require.LessOrEqual(t, r.Held, uint64(512))
			if c.fin == 0 {
				requireAbout(t, r, count, r.FarEnd.RST)
			}
			if c.data == 0 && c.fin == 0 {
				requireAbout(t, r, count, r.FarEnd.ACK)
			}
		})
	}
}

func TestConnectMeasuresBothJobs(t *testing.T) {
	rows := measure(t, "-count 2000 -queues 1 -batch 64 -window 100")
	require.Len(t, rows, 2)
	require.Equal(t, "rst", rows[0].Method)
	require.Equal(t, "request", rows[1].Method)
	for _, r := range rows {
		requireAllCompleted(t, r, 2000)
		require.Equal(t, 1, r.Queues)
		require.Equal(t, 64, r.Batch)
		require.Equal(t, 100, r.Window)
		require.Positive(t, r.ConnectionsPerSecond)
	}
}

// All of them are open at one time, and end only then.
func TestConnectHolds(t *testing.T) {
	for _, how := range []string{"rst", "fin"} {
		t.Run(how, func(t *testing.T) {
			const count = 20_000
			r := measure(t, fmt.Sprintf("-connections %d -close %s", count, how))[0]
			requireAllCompleted(t, r, count)
			require.EqualValues(t, count, r.Held)
			require.NotZero(t, r.RSSBytes)
			require.InEpsilon(t, float64(r.RSSBytes)/count, r.BytesPerConnection, 1e-6)
			if how == "fin" {
				requireAbout(t, r, count, r.FarEnd.FIN)
			} else {
				requireAbout(t, r, count, r.FarEnd.RST)
			}
		})
	}
}

func TestConnectOverAFPacket(t *testing.T) {
	r := measure(t, "-backend afpacket -request 200 -count 2000 -window 100")[0]
	requireAllCompleted(t, r, 2000)
}

// A request of several segments is answered once, and a reply that is the
// longest for its request fits.
func TestConnectWithLongRequest(t *testing.T) {
	r := measure(t, "-request 4000 -reply 1200 -count 1000 -window 64 -verify")[0]
	requireAllCompleted(t, r, 1000)
	require.GreaterOrEqual(t, r.FarEnd.Bytes, uint64(4_000_000))
}

func TestConnectKeepsTheRate(t *testing.T) {
	r := measure(t, "-request 0 -rate 1000 -count 500")[0]
	requireAllCompleted(t, r, 500)
	require.Greater(t, r.Seconds, 0.25, "500 connections at 1,000 a second")
}

// Ctrl-C prints what was measured until then.
func TestConnectInterrupted(t *testing.T) {
	testbed.Require(t)
	var rows []report.Row
	interrupt(t, func(stdout string) bool {
		rows = parseRows(t, stdout)
		return len(rows) > 0 && rows[0].Completed > 0
	}, "connect", "-json", "-request", "200", "-duration", "10m")
	require.Len(t, rows, 1)
	requireAllCompleted(t, rows[0], rows[0].Opened)
}

// With -interface it works in the namespace that it was started in.
func TestConnectOnAnInterface(t *testing.T) {
	testbed.Require(t)
	world, err := wire.New(wire.Config{Queues: 2, Reply: make([]byte, 100)})
	require.NoError(t, err)
	defer world.Close()
	var code int
	var stdout, stderr string
	require.NoError(t, world.Enter(func() error {
		code, stdout, stderr = bench(t.Context(), "connect", "-json", "-request", "50", "-reply", "100",
			"-count", "3000", "-backend", "afxdp", "-interface", wire.Interface,
			"-source", wire.Sources.String()+",10.83.4.5", "-target", wire.Targets.String()+":"+strconv.Itoa(wire.Port),
			"-gateway-mac", world.Gateway.String())
		return nil
	}))
	require.Equal(t, exitOK, code, stderr)
	r := parseRows(t, stdout)[0]
	require.Nil(t, r.FarEnd)
	require.EqualValues(t, 3000, r.Completed)
	far, err := world.Settle(r.FramesSent)
	require.NoError(t, err)
	require.GreaterOrEqual(t, far.RST+far.LostToFarEnd, uint64(3000))
	require.GreaterOrEqual(t, far.Bytes, uint64(3000*50))
}

// What cannot be opened is said in one sentence that names it.
func TestConnectFails(t *testing.T) {
	testbed.Require(t)
	near, err := testbed.NewNamespace()
	require.NoError(t, err)
	defer near.Close()
	for args, says := range map[string]string{
		"-interface nosuch0 -source 10.0.0.1 -target 10.1.0.0/16:80": "nosuch0",
		"-batch 1000000":             "1000000",
		"-cpuprofile /nosuch/file":   "/nosuch/file",
		"-queues 2 -connections 1e9": "1e9",
	} {
		var code int
		var stderr string
		require.NoError(t, near.Do(func() error {
			code, _, stderr = bench(t.Context(), strings.Fields("connect "+args)...)
			return nil
		}))
		require.NotEqual(t, exitOK, code, args)
		require.Contains(t, stderr, says)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
}

func TestBareMeasuresBothJobs(t *testing.T) {
	testbed.Require(t)
	rows := longer(t, 100*time.Millisecond, func(duration string) []report.Row {
		code, stdout, stderr := bench(t.Context(), "bare", "-json", "-duration", duration, "-window", "256")
		require.Equal(t, exitOK, code, stderr)
		return parseRows(t, stdout)
	}, completedNone)
	require.Len(t, rows, 2)
	for _, r := range rows {
		require.Zero(t, r.Dropped, r.DroppedBy)
	}
}

// BenchmarkConnect gives the connections per second of the whole stack.
func BenchmarkConnect(b *testing.B) {
	for _, request := range []int{0, 200} {
		b.Run(fmt.Sprintf("request=%d", request), func(b *testing.B) {
			var completed, seconds float64
			for range b.N {
				r := measure(b, fmt.Sprintf("-request %d -duration 1s", request))[0]
				completed += float64(r.Completed)
				seconds += r.Seconds
			}
			b.ReportMetric(completed/seconds, "connections/s")
		})
	}
}
