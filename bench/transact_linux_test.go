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
	// Each exchange is a frame and more each way; but the frames' count begins a little
	// later, and late on a busy machine.
	frames := func(r transact.Result) float64 { return *r.FramesPerSecond * r.Seconds }
	rows := longer(t, 400*time.Millisecond, func(duration string) []transact.Result {
		code, stdout, stderr := bench(t.Context(), strings.Fields("transact -json -connections 1,100 -replies 64,16384 -duration "+duration)...)
		require.Equal(t, exitOK, code, stderr)
		return decodeRows[transact.Result](t, stdout)
	}, func(r transact.Result) bool {
		return r.Exchanges == 0 || r.FramesPerSecond == nil || frames(r) <= float64(r.Exchanges)
	})
	require.Len(t, rows, 2*2*2*2)
	for _, r := range rows {
		require.Zero(t, r.Failed, "%+v", r)
		require.GreaterOrEqual(t, r.P99Microseconds, r.P50Microseconds, "%+v", r)
		require.Positive(t, r.P50Microseconds, "%+v", r)
		require.Greater(t, *r.FrameBytes, 64.0)
		require.NotNil(t, r.CPUFarEnd, "the server's process")
		require.Nil(t, r.FramesPerConnection, "they stay open")
	}
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
