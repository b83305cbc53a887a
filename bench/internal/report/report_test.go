package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/load"
	"myriad/bench/internal/usage"
	"myriad/tcpclient"
)

func example() Row {
	r := Row{Method: "request", Batch: 256, Backend: "afxdp native copy"}
	r.Fill(&load.Result{
		Workers: 2, Elapsed: 2 * time.Second,
		Opened: 1_000_003, Completed: 1_000_000, Held: 500_000, Resident: 100_000_000,
		FailedBy: map[string]uint64{"refused": 1, "timed out": 2, "none": 0},
		Process:  usage.CPU{User: time.Second, System: 1500 * time.Millisecond},
		Stats: tcpclient.Stats{FramesSent: 3_000_009, FramesReceived: 2_000_004,
			Drops: map[string]uint64{"tcp checksum": 7, "short": 0}},
	})
	return r
}

// Programs rely on these keys, in this order, and may not be surprised by what
// comes after.
func TestJSONKeys(t *testing.T) {
	var out bytes.Buffer
	r := example()
	require.NoError(t, JSON(&out, &r))
	require.Equal(t, 1, strings.Count(out.String(), "\n"))

	d := json.NewDecoder(&out)
	var keys []string
	_, err := d.Token() // {
	require.NoError(t, err)
	for d.More() && len(keys) < 14 {
		key, err := d.Token()
		require.NoError(t, err)
		keys = append(keys, key.(string))
		var value any
		require.NoError(t, d.Decode(&value))
	}
	require.Equal(t, []string{
		"method", "queues", "batch", "seconds", "connections_per_second",
		"completed", "failed", "frames_sent", "frames_received", "dropped",
		"user_seconds", "system_seconds", "bytes_per_connection", "rss_bytes",
	}, keys)
}

func TestFill(t *testing.T) {
	r := example()
	require.Equal(t, 500_000.0, r.ConnectionsPerSecond)
	require.EqualValues(t, 3, r.Failed)
	require.EqualValues(t, 7, r.Dropped)
	require.Equal(t, 200.0, r.BytesPerConnection)
	require.Equal(t, map[string]uint64{"refused": 1, "timed out": 2}, r.FailedBy)
	require.Equal(t, map[string]uint64{"tcp checksum": 7}, r.DroppedBy)
}

func TestTableNamesWhatFailed(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Table(&out, []Row{example(), example()}))
	require.Contains(t, out.String(), "500,000")
	require.Contains(t, out.String(), "request, failed: refused 1, timed out 2\n")
	require.Contains(t, out.String(), "request, dropped: tcp checksum 7\n")
}

func TestNumber(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		require.Equal(t, want, number(n))
	}
}
