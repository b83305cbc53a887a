package progress

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/endtest"
)

// On a terminal the time left is told once all is known, and not before; the
// line that stays says how far it came.
func TestTimeLeft(t *testing.T) {
	master, slave := endtest.Terminal(t)
	var growing, all atomic.Bool
	var done atomic.Int64
	growing.Store(true)
	bar := Start(slave, "pages", func() State {
		if all.Load() {
			return State{Done: 1_000_000, Known: 1_000_000}
		}
		return State{Done: int(done.Add(1)), Known: 1_000_000, Growing: growing.Load()}
	})
	require.NotNil(t, bar)
	var shown strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&shown, master)
	}()
	waitFor := func(n int64) {
		require.Eventually(t, func() bool { return done.Load() >= n }, time.Minute, time.Millisecond)
	}
	waitFor(8)
	growing.Store(false)
	waitFor(16)
	all.Store(true)
	time.Sleep(2 * interval)
	bar.Finish(State{Done: 1_000_000, Known: 1_000_000, Connections: 3})
	require.NoError(t, slave.Close())
	<-read
	pictures := endtest.Pictures(shown.String())
	require.Contains(t, pictures[0], "/1000000, ")
	first, _, _ := strings.Cut(shown.String(), ":")
	require.Contains(t, first, "(8/1000000", "without a time left so far: %q", shown.String())
	require.Regexp(t, `\(1[0-6]/1000000, [^\[]*\[[0-9]+s:[0-9]+h`, shown.String())
	require.Contains(t, shown.String(), "(1000000/1000001, ", "full only at its end")
	require.NotRegexp(t, `\(1000000/1000001, [^\[]*\[[0-9]+s:`, shown.String(), "nothing is left")
	last := pictures[len(pictures)-1]
	require.Contains(t, last, "100% |████████████| (1000000/1000000, ")
	require.Contains(t, last, "3 connections")
	require.True(t, strings.HasSuffix(shown.String(), "\n"))
}
