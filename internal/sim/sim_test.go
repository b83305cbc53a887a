package sim

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/tcpclient"
)

var (
	seedsFlag = flag.Uint64("seeds", 0, "run so many worlds instead of the default number")
	firstFlag = flag.Uint64("first", 1, "the first world's seed")
	seedFlag  = flag.Uint64("seed", 0, "run this world alone")
)

// worlds is how many seeds a test runs by default.
func worlds(usual uint64) (first, count uint64) {
	switch {
	case *seedFlag != 0:
		return *seedFlag, 1
	case *seedsFlag != 0:
		return *firstFlag, *seedsFlag
	case testing.Short():
		usual /= 50
	}
	return *firstFlag, usual
}

// report runs a failed world again, with a capture, and says how to do so.
func report(t *testing.T, seed uint64, err error) {
	t.Helper()
	name := filepath.Join(os.TempDir(), fmt.Sprintf("myriad-sim-%d.pcap", seed))
	if file, openErr := os.Create(name); openErr == nil {
		_, _ = Run(seed, file) // it fails as it did
		if closeErr := file.Close(); closeErr != nil {
			name = closeErr.Error()
		}
	} else {
		name = openErr.Error()
	}
	t.Errorf("seed %d: %v\nagain: go test ./internal/sim -run TestWorlds -seed %d\ncapture: %s", seed, err, seed, name)
}

// failuresMax is how many failed worlds are shown before the rest is left out.
const failuresMax = 10

func TestWorlds(t *testing.T) {
	first, count := worlds(1000)
	var next, failed atomic.Uint64
	var mutex sync.Mutex
	var all Result
	all.Failed = map[tcpclient.Reason]int{}
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for failed.Load() < failuresMax {
				k := next.Add(1) - 1
				if k >= count {
					return
				}
				r, err := Run(first+k, nil)
				mutex.Lock()
				all.add(&r)
				if err != nil {
					failed.Add(1)
					report(t, first+k, err)
				}
				mutex.Unlock()
			}
		})
	}
	group.Wait()
	t.Logf("%d worlds, %d connections (%d to hostile peers), %d closed in order, %d MB, %d frames, %v of virtual time",
		count, all.Connections, all.Hostile, all.Closed, all.Bytes>>20, all.Frames, all.Span)
	for _, reason := range slices.Sorted(maps.Keys(all.Failed)) {
		t.Logf("failed, %v: %d", reason, all.Failed[reason])
	}
}

func (r *Result) add(o *Result) {
	r.Connections += o.Connections
	r.Hostile += o.Hostile
	r.Closed += o.Closed
	r.Bytes += o.Bytes
	r.Frames += o.Frames
	r.Span += o.Span
	for reason, n := range o.Failed {
		r.Failed[reason] += n
	}
}

// The same seed gives the same world, every time.
func TestSameSeedSameTrace(t *testing.T) {
	times, seeds := 5, uint64(10)
	if testing.Short() {
		times, seeds = 1, 4
	}
	for seed := uint64(1); seed <= seeds; seed++ {
		first, err := Run(seed, nil)
		if err != nil {
			continue // TestWorlds reports it
		}
		for range times {
			again, err := Run(seed, nil)
			require.NoError(t, err)
			require.Equal(t, first.Hash, again.Hash, "seed %d", seed)
		}
	}
}
