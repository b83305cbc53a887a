package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/transact"
	"myriad/internal/testbed"
)

// Each client exchanges on all of its connections, plain and over TLS, and none
// fails.
func TestTransact(t *testing.T) {
	testbed.Require(t)
	code, stdout, stderr := bench(t.Context(), strings.Fields("transact -json -connections 1,700 -replies 64,65536 -duration 200ms")...)
	require.Equal(t, exitOK, code, stderr)
	rows := decodeRows[transact.Result](t, stdout)
	require.Len(t, rows, 2*2*2*2)
	for _, r := range rows {
		require.Zero(t, r.Failed, "%+v", r)
		require.Positive(t, r.Exchanges, "%+v", r)
		require.Positive(t, r.P50Microseconds, "%+v", r)
		require.GreaterOrEqual(t, r.P99Microseconds, r.P50Microseconds, "%+v", r)
	}
	part := transactPart(rows)
	require.Len(t, part.Rows, len(rows))
	require.Len(t, part.Charts, 4)
}
