package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
)

func TestScanMeasures(t *testing.T) {
	testbed.Require(t)
	var out, notes bytes.Buffer
	row := longer(t, 200*time.Millisecond, func(duration string) []scanRow {
		out.Reset()
		require.Equal(t, exitOK, run(t.Context(), []string{"scan", "-rounds", "1", "-duration", duration, "-json"}, &out, &notes), notes.String())
		var row scanRow
		require.NoError(t, json.Unmarshal(out.Bytes(), &row))
		return []scanRow{row}
	}, func(r scanRow) bool { return r.SendPerSecond == 0 || r.SilentPerSecond == 0 || r.AnswerPerSecond == 0 })[0]
	require.InEpsilon(t, row.SilentPerSecond, *row.FramesPerSecond, 0.01, "SYNs alone")
	require.InDelta(t, 70, *row.FrameBytes, 1)
	require.NotNil(t, row.CPUBusy)
	part := scanPart([]scanRow{row})
	require.Len(t, part.Rows[0], len(part.Columns))
	require.Equal(t, exitUsage, run(t.Context(), []string{"scan", "-rounds", "0"}, &out, &notes))
}
