package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A short run on a busy machine may be over before anything has happened in it. So
// what must have happened is looked for in runs that take longer and longer, and what
// never happens is found in the longest.

// longest is how long a run may at least take in which nothing has happened yet.
const longest = 10 * time.Second

// longer measures for longer and longer until no row is idle.
func longer[R any](t testing.TB, first time.Duration, measure func(duration string) []R, idle func(r R) bool) []R {
	t.Helper()
	for d := first; ; d *= 4 {
		rows := measure(d.String())
		k := slices.IndexFunc(rows, idle)
		if k < 0 {
			return rows
		}
		require.Less(t, d, longest, "nothing happened in %+v", rows[k])
	}
}

// interrupt has Ctrl-C end the command, later and later until it has begun to measure:
// until begun says so of what it wrote.
func interrupt(t testing.TB, begun func(stdout string) bool, args ...string) (stdout string) {
	t.Helper()
	for after := time.Second; ; after *= 4 {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		code, stdout, stderr := bench(ctx, args...)
		cancel()
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, stderr, "interrupted")
		if begun(stdout) {
			return stdout
		}
		require.Less(t, after, longest, "nothing was measured: %s", stdout)
	}
}
