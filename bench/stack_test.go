package main

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStackMeasuresAndPrints(t *testing.T) {
	args := []string{"stack", "-in-flight", "1K,2K", "-lives", "20K", "-rounds", "2"}
	var out, errs bytes.Buffer
	require.Equal(t, exitOK, run(context.Background(), append(args, "-json"), &out, &errs), errs.String())
	rows := json.NewDecoder(&out)
	for _, inFlight := range []int{1000, 2000} {
		var r stackRow
		require.NoError(t, rows.Decode(&r))
		require.Equal(t, inFlight, r.InFlight)
		require.GreaterOrEqual(t, r.Lives, uint64(20_000))
		require.Positive(t, r.NanosecondsPerLife)
		require.LessOrEqual(t, r.Least, r.Most)
	}
	out.Reset()
	require.Equal(t, exitOK, run(context.Background(), args, &out, &errs), errs.String())
	require.Contains(t, out.String(), "ns a connection")
	require.Contains(t, out.String(), "1K")
}

func TestStackRefusesWrongFlags(t *testing.T) {
	for _, args := range [][]string{{"-in-flight", "x"}, {"-lives", "1,2"}, {"-rounds", "0"}, {"-batch", "5000"}, {"more"}} {
		var out, errs bytes.Buffer
		require.Equal(t, exitUsage, run(context.Background(), append([]string{"stack"}, args...), &out, &errs))
		require.NotEmpty(t, errs.String())
	}
}
