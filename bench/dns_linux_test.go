package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
)

// Every name has its answer, and over cached delegations costs one query.
func TestDNSMeasures(t *testing.T) {
	testbed.Require(t)
	var out, notes bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), []string{"dns", "-names", "20000", "-zones", "8", "-parallel", "256", "-json"}, &out, &notes), notes.String())
	var warm, cold dnsRow
	decoder := json.NewDecoder(&out)
	require.NoError(t, decoder.Decode(&warm))
	require.NoError(t, decoder.Decode(&cold))
	for _, row := range []dnsRow{warm, cold} {
		require.Zero(t, row.Wrong+row.Missing, "%+v", row)
		require.GreaterOrEqual(t, row.Answers, uint64(row.Names))
		require.GreaterOrEqual(t, row.Referrals, uint64(row.Zones))
		require.GreaterOrEqual(t, *row.FramesPerSecond*row.Seconds, float64(row.Answers+row.Referrals)*1.9, "a query and its answer")
		require.NotNil(t, row.CPUBusy)
	}
	require.Less(t, warm.Answers+warm.Referrals, uint64(20000*3/2), "one query per name, but for what the machine's load makes time out")
	require.Equal(t, exitUsage, run(t.Context(), []string{"dns", "-names", "1"}, &out, &notes))
}
