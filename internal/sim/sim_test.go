package sim

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/wrap"
	"myriad/tcpclient"
)

var (
	seedsFlag = flag.Uint64("seeds", 0, "run so many worlds instead of the default number")
	firstFlag = flag.Uint64("first", 1, "the first world's seed")
	seedFlag  = flag.Uint64("seed", 0, "run this world alone")
)

// A world takes some megabytes at once, lives for milliseconds and is garbage
// as a whole: collecting more seldom is a quarter less work.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}

// worlds is which seeds a test runs, when the flags say nothing else.
func worlds(usual uint64) (first, count uint64) {
	switch {
	case *seedFlag != 0:
		return *seedFlag, 1
	case *seedsFlag != 0:
		return *firstFlag, *seedsFlag
	case testing.Short():
		usual = max(usual/100, 10)
	}
	return *firstFlag, usual
}

// report runs a failed world again, with a capture, and says how to do so.
func report(t *testing.T, kind Kind, seed uint64, err error) {
	t.Helper()
	test := "TestWorlds"
	if kind == Storm {
		test = "TestStorm"
	}
	reportRun(t, test, seed, err, func(capture io.Writer) { _, _ = Run(kind, seed, capture) })
}

// reportRun does it for a world of any making; again fails as it did.
func reportRun(t *testing.T, test string, seed uint64, err error, again func(capture io.Writer)) {
	t.Helper()
	name := filepath.Join(os.TempDir(), fmt.Sprintf("myriad-sim-%s-%d.pcap", strings.ReplaceAll(test, "/", "-"), seed))
	if file, openErr := os.Create(name); openErr == nil {
		again(file)
		if closeErr := file.Close(); closeErr != nil {
			name = closeErr.Error()
		}
	} else {
		name = openErr.Error()
	}
	t.Errorf("seed %d: %v\nagain: %s ./internal/sim -run '^%s$' -seed %d\ncapture: %s",
		seed, err, wrap.GoTest(), regexp.QuoteMeta(test), seed, name)
}

// failuresMax is how many failed worlds are shown before the rest is left out.
const failuresMax = 10

// runAll runs the worlds of one kind on all processors, and adds them up.
func runAll(t *testing.T, kind Kind, first, count uint64) Result {
	var next, failed atomic.Uint64
	var mutex sync.Mutex
	all := Result{Failed: map[tcpclient.Reason]int{}}
	started := time.Now()
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for failed.Load() < failuresMax {
				k := next.Add(1) - 1
				if k >= count {
					return
				}
				r, err := Run(kind, first+k, nil)
				mutex.Lock()
				all.add(&r)
				if err != nil {
					failed.Add(1)
					report(t, kind, first+k, err)
				}
				mutex.Unlock()
			}
		})
	}
	group.Wait()
	took := time.Since(started)
	t.Logf("%d worlds from seed %d on, %d connections (%d to hostile peers), %d closed in order, %d MB, %d frames, %v of virtual time, traces %016x",
		count, first, all.Connections, all.Hostile, all.Closed, all.Bytes>>20, all.Frames, all.Span, all.Hash)
	for _, reason := range slices.Sorted(maps.Keys(all.Failed)) {
		t.Logf("failed, %v: %d", reason, all.Failed[reason])
	}
	t.Logf("%v, %.0f connections a second", took.Round(time.Millisecond), float64(all.Connections)/took.Seconds())
	return all
}

func TestWorlds(t *testing.T) {
	first, count := worlds(1000)
	runAll(t, Mixed, first, count)
}

// 100,000 connections under 20 % of loss and 20 % of reordering, each right, or
// failed for a true reason by its deadline.
func TestStorm(t *testing.T) {
	first, count := worlds(100_000 / stormConnections)
	all := runAll(t, Storm, first, count)
	require.EqualValues(t, count*stormConnections, all.Connections)
}

func (r *Result) add(o *Result) {
	r.Hash += o.Hash // in any order
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

// The same seed gives the same frames and events at the same instants, a
// thousand times over: of mixed worlds, and of a storm.
func TestSameSeedSameTrace(t *testing.T) {
	times, seeds := 1000, 3
	if testing.Short() {
		times, seeds = 6, 1
	}
	for _, seed := range smallWorlds(t, seeds) {
		requireSameTrace(t, Mixed, seed, times)
	}
	requireSameTrace(t, Storm, 1, times)
}

func requireSameTrace(t *testing.T, kind Kind, seed uint64, times int) {
	t.Helper()
	first, err := Run(kind, seed, nil)
	if err != nil {
		report(t, kind, seed, err)
		return
	}
	t.Logf("%v, seed %d: %d connections, %d frames, %016x", kind, seed, first.Connections, first.Frames, first.Hash)
	var group sync.WaitGroup
	hashes := make([]uint64, times)
	for part := range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for k := part; k < times; k += runtime.GOMAXPROCS(0) {
				again, err := Run(kind, seed, nil)
				if err == nil {
					hashes[k] = again.Hash
				}
			}
		})
	}
	group.Wait()
	for k, h := range hashes {
		require.Equal(t, first.Hash, h, "%v, seed %d, time %d", kind, seed, k)
	}
}

// smallWorlds finds seeds whose worlds are soon over and yet have some of
// everything: connections that succeed, others that fail, and hostile peers.
func smallWorlds(t *testing.T, count int) (seeds []uint64) {
	for seed := uint64(1); len(seeds) < count; seed++ {
		r, err := Run(Mixed, seed, nil)
		require.NoError(t, err, "seed %d", seed)
		if r.Hostile > 0 && r.Closed > 0 && len(r.Failed) > 0 && r.Frames < 3000 {
			seeds = append(seeds, seed)
		}
	}
	return seeds
}

// Another seed gives another trace.
func TestOtherSeedOtherTrace(t *testing.T) {
	_, count := worlds(40)
	seen := map[uint64]uint64{}
	for seed := uint64(1); seed <= min(count, 40); seed++ {
		r, err := Run(Mixed, seed, nil)
		require.NoError(t, err)
		require.NotContains(t, seen, r.Hash, "seed %d", seed)
		seen[r.Hash] = seed
	}
}
