package sampling

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"myriad/bench/internal/usage"
)

// What a thread does all the time is what is seen of it; where the kernel does
// not let us look, that is an error with a reason.
func TestSamplesFindWhatIsBusy(t *testing.T) {
	s, err := Start()
	if err != nil {
		require.Contains(t, err.Error(), "perf_event_open")
		return
	}
	busy := func() time.Duration { own := usage.Process(); return own.User + own.System }
	for began := busy(); busy()-began < 500*time.Millisecond; { // which takes longer where others are busy, too
		for range 100 {
			_ = unix.Getppid()
		}
	}
	p, err := s.Stop()
	if err != nil {
		require.ErrorIs(t, err, errNoSymbols)
		return
	}
	total := 0
	for _, n := range p.Counts {
		total += n
	}
	require.Equal(t, p.Samples, total)
	require.Positive(t, p.Counts[SystemCall], p.Counts)
}

func TestBrokenRecordsAreLeft(t *testing.T) {
	y := &symbols{}
	for _, data := range [][]byte{nil, make([]byte, 7), make([]byte, 8), {9, 0, 0, 0, 0, 0, 255, 255}} {
		all, lost := y.samples(data)
		require.Empty(t, all)
		require.Zero(t, lost)
	}
	require.Equal(t, []string{kernelMark}, y.names([]uint64{kernelFrom + 1}, true), "without symbols")
}
