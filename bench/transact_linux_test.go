package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/transact"
	"myriad/internal/testbed"
)

// Each client exchanges, plain and over TLS, and no connection fails.
func TestTransact(t *testing.T) {
	testbed.Require(t)
	code, stdout, stderr := bench(t.Context(), strings.Fields("transact -json -connections 1,100 -replies 64,16384 -duration 400ms")...)
	require.Equal(t, exitOK, code, stderr)
	rows := decodeRows[transact.Result](t, stdout)
	require.Len(t, rows, 2*2*2*2)
	exchanges := make(map[string]uint64)
	for _, r := range rows {
		require.Zero(t, r.Failed, "%+v", r)
		require.GreaterOrEqual(t, r.P99Microseconds, r.P50Microseconds, "%+v", r)
		if r.Exchanges > 0 { // a busy machine may let some run do nothing
			require.Positive(t, r.P50Microseconds, "%+v", r)
			exchanges[r.Client+yesNo(r.TLS)]++
			// Each exchange is a frame and more each way; the figures' ends differ a little.
			frames := *r.FramesPerSecond * r.Seconds
			require.Greater(t, frames, float64(r.Exchanges), "%+v", r)
			require.Greater(t, *r.FrameBytes, 64.0)
			require.NotNil(t, r.CPUFarEnd, "the server's process")
			require.Nil(t, r.FramesPerConnection, "they stay open")
		}
	}
	require.Len(t, exchanges, 4, "each client, plain and over TLS")
	part := transactPart(rows)
	require.Len(t, part.Rows, len(rows))
	require.Len(t, part.Charts, 4)
}

// Long replies on many connections are measured until each can have ended; what
// is largest comes last.
func TestTransactCases(t *testing.T) {
	o, err := parseTransact(nil, io.Discard)
	require.NoError(t, err)
	cases := o.cases()
	require.Len(t, cases, 3*3*2)
	require.Equal(t, transact.Case{Connections: 1, ReplyBytes: 64, Duration: o.duration}, cases[0])
	last := cases[len(cases)-1]
	require.Equal(t, []int{10_000, 65536}, []int{last.Connections, last.ReplyBytes})
	require.Greater(t, last.Duration, 3*time.Second)
	require.Less(t, last.Duration, 5*time.Second)
}
