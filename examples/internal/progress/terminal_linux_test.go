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
	var pictures atomic.Int64
	bar := Start(slave, "pages", func() State {
		n := int(pictures.Add(1))
		if n > 16 {
			return State{Done: 1_000_000, Known: 1_000_000}
		}
		return State{Done: n, Known: 1_000_000, Growing: n <= 8}
	})
	require.NotNil(t, bar)
	var shown strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&shown, master)
	}()
	require.Eventually(t, func() bool { return pictures.Load() > 18 }, time.Minute, time.Millisecond)
	bar.Finish(State{Done: 1_000_000, Known: 1_000_000, Connections: 3})
	require.NoError(t, slave.Close())
	<-read
	drawn := endtest.Pictures(shown.String())
	require.Contains(t, drawn[0], "/1000000, ")
	first, _, _ := strings.Cut(shown.String(), ":")
	require.Contains(t, first, "(8/1000000", "without a time left so far: %q", shown.String())
	require.Regexp(t, `\(1[0-6]/1000000, [^\[]*\[[0-9]+s:[0-9]+h`, shown.String())
	require.Contains(t, shown.String(), "(1000000/1000001, ", "full only at its end")
	require.NotRegexp(t, `\(1000000/1000001, [^\[]*\[[0-9]+s:`, shown.String(), "nothing is left")
	last := drawn[len(drawn)-1]
	require.Contains(t, last, "100% |████████████| (1000000/1000000, ")
	require.Contains(t, last, "3 connections")
	require.True(t, strings.HasSuffix(shown.String(), "\n"))
}
