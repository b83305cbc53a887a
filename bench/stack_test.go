package main

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/cachegrind"
	"myriad/bench/internal/page"
)

func TestStackMeasuresAndPrints(t *testing.T) {
	args := []string{"stack", "-tables", "memory", "-in-flight", "1K,2K", "-lives", "20K", "-rounds", "2"}
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
		require.InDelta(t, framesPerLife, *r.FramesPerConnection, 0.1)
		require.InEpsilon(t, 1e9/r.NanosecondsPerLife, *r.ConnectionsPerSecond, 1e-6)
		require.Greater(t, *r.ShareOf10G, 0.0)
		require.Nil(t, r.CPUBusy, "there is no wire, and nobody looks at the core")
		for _, c := range r.Components {
			require.InDelta(t, c.NsPerConnection, framesPerLife*c.NsPerPacket, 1e-6, c.Name)
			require.InDelta(t, c.Share*r.NanosecondsPerLife, c.NsPerConnection, 1e-6, c.Name)
		}
	}
	out.Reset()
	require.Equal(t, exitOK, run(context.Background(), args, &out, &errs), errs.String())
	require.Contains(t, out.String(), "ns a connection")
	require.Contains(t, out.String(), "1K")
}

func TestStackRefusesWrongFlags(t *testing.T) {
	for _, args := range [][]string{{"-in-flight", "x"}, {"-lives", "1,2"}, {"-rounds", "0"}, {"-batch", "5000"}, {"-tables", "x"}, {"-cache-in-flight", "0"}, {"-duration", "0s"}, {"-queues", "0"}, {"more"}} {
		var out, errs bytes.Buffer
		require.Equal(t, exitUsage, run(context.Background(), append([]string{"stack"}, args...), &out, &errs))
		require.NotEmpty(t, errs.String())
	}
}

// What the machine does not have is skipped with the reason.
func TestStackWithoutValgrind(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var out, errs bytes.Buffer
	require.Equal(t, exitOK, run(context.Background(), []string{"stack", "-tables", "cache"}, &out, &errs), errs.String())
	require.Contains(t, out.String(), "skipped: cache: cachegrind: valgrind is not installed: install it")
}

// What both runs have in common, start and filling, is not counted.
func TestCacheRowsAreTheDifference(t *testing.T) {
	const lives = cacheLives
	rows := cacheRows(1000,
		map[string]cachegrind.Counts{"myriad/linklayer.Parse": {Instructions: 5, DataMisses: 7}, "runtime.main": {Instructions: 1000}},
		map[string]cachegrind.Counts{
			"myriad/linklayer.Parse": {Instructions: 5 + 30*lives, DataMisses: 7 + 2*lives}, "myriad/conntable.(*Table).Lookup": {Instructions: 10 * lives, LastMisses: lives},
			"runtime.main": {Instructions: 2000}, "myriad/bench/internal/stack.(*device).Receive": {Instructions: 9 * lives},
		})
	require.Len(t, rows, 3)
	require.Equal(t, "parse", rows[0].Component)
	require.Equal(t, perLife{Instructions: 30, DataMisses: 2}, rows[0].PerLife)
	require.Equal(t, "look-up", rows[1].Component)
	require.Equal(t, "all", rows[2].Component)
	require.Equal(t, perLife{Instructions: 40, DataMisses: 2, LastMisses: 1}, rows[2].PerLife)
	var p page.Part
	cachePart(rows, &p)
	require.Contains(t, p.More[0].Title, "SIMULATED")
}
