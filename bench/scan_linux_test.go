package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
)

func TestScanMeasures(t *testing.T) {
	testbed.Require(t)
	var out, notes bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), []string{"scan", "-rounds", "1", "-duration", "200ms", "-json"}, &out, &notes), notes.String())
	var row scanRow
	require.NoError(t, json.Unmarshal(out.Bytes(), &row))
	require.NotZero(t, row.SendPerSecond)
	require.NotZero(t, row.SilentPerSecond)
	require.NotZero(t, row.AnswerPerSecond)
	require.Equal(t, exitUsage, run(t.Context(), []string{"scan", "-rounds", "0"}, &out, &notes))
}
