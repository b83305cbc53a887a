package peers

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/sim"
	"myriad/internal/wrap"
	"myriad/tcpclient"
)

var (
	seedsFlag = flag.Uint64("seeds", 0, "run so many virtual worlds instead of the default number")
	firstFlag = flag.Uint64("first", 1, "the first virtual world's seed")
	seedFlag  = flag.Uint64("seed", 0, "run this virtual world alone")
)

const (
	worldsUsual = 500 // some 9,000 connections
	worldsShort = 20
	failuresMax = 10 // worlds that are shown before the rest is left out
)

func worlds() (first, count uint64) {
	switch {
	case *seedFlag != 0:
		return *seedFlag, 1
	case *seedsFlag != 0:
		return *firstFlag, *seedsFlag
	case testing.Short():
		return *firstFlag, worldsShort
	}
	return *firstFlag, worldsUsual
}

// tally adds up what became of many worlds.
type tally struct {
	mutex                            sync.Mutex
	next, count                      uint64 // the worlds that are left
	connections, closed, met, silent int
	frames                           uint64
	span                             time.Duration
	failed                           map[tcpclient.Reason]int
	failures                         int
}

// take gives out the next world's seed.
func (a *tally) take() (seed uint64, ok bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.count == 0 || a.failures == failuresMax {
		return 0, false
	}
	a.count--
	a.next++
	return a.next - 1, true
}

func (a *tally) add(r *sim.Result, failed bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.connections += r.Connections
	a.closed += r.Closed
	a.met += r.Met
	a.silent += r.Silent
	a.frames += r.Frames
	a.span += r.Span
	for reason, n := range r.Failed {
		a.failed[reason] += n
	}
	if failed {
		a.failures++
	}
}

// Connections to netstack in virtual time, over wires from harmless to losing
// and reordering every fifth frame: each byte once and right, each end for a
// true reason by its deadline, nothing held when all is closed.
func TestVirtualWorlds(t *testing.T) {
	first, count := worlds()
	all := tally{next: first, count: count, failed: map[tcpclient.Reason]int{}}
	started := time.Now()
	var group sync.WaitGroup
	for range runtime.NumCPU() {
		group.Go(func() {
			for seed, ok := all.take(); ok; seed, ok = all.take() {
				r, err := sim.RunForeign(NewVirtual, seed, nil)
				all.add(&r, err != nil)
				if err != nil {
					reportWorld(t, seed, err)
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d worlds from seed %d on: %d connections, %d closed in order, %d opened from both ends, %d to a netstack that fell silent, %d frames, %v of virtual time in %v",
		count, first, all.connections, all.closed, all.met, all.silent, all.frames, all.span, time.Since(started).Round(time.Millisecond))
	for _, reason := range slices.Sorted(maps.Keys(all.failed)) {
		t.Logf("failed, %v: %d", reason, all.failed[reason])
	}
	if count < worldsShort || t.Failed() {
		return
	}
	require.Greater(t, all.closed, all.connections*3/4, "ends in order")
	require.NotZero(t, all.met, "opened from both ends at once")
	require.LessOrEqual(t, all.silent, 1+all.connections/200, "an excuse that is no rule")
	for _, reason := range []tcpclient.Reason{tcpclient.Refused, tcpclient.ResetByPeer, tcpclient.DeadlineExceeded} {
		require.NotZero(t, all.failed[reason], "%v", reason)
	}
}

// reportWorld runs a failed world again, with a capture, and says how to do so.
func reportWorld(t *testing.T, seed uint64, err error) {
	name := filepath.Join(os.TempDir(), fmt.Sprintf("myriad-netstack-%d.pcap", seed))
	if file, openErr := os.Create(name); openErr == nil {
		_, _ = sim.RunForeign(NewVirtual, seed, file) // it fails as it did
		if closeErr := file.Close(); closeErr != nil {
			name = closeErr.Error()
		}
	} else {
		name = openErr.Error()
	}
	t.Errorf("seed %d: %v\nagain: %s ./bench/peers -run '^TestVirtualWorlds$' -seed %d\ncapture: %s", seed, err, wrap.GoTest(), seed, name)
}

// The same seed gives the same frames and events at the same instants, also
// while other worlds run.
func TestVirtualWorldsRepeat(t *testing.T) {
	seeds, times := 6, 20
	if testing.Short() {
		seeds, times = 2, 8
	}
	want := make([]sim.Result, seeds)
	for k := range want {
		var err error
		want[k], err = sim.RunForeign(NewVirtual, uint64(1+k), nil)
		require.NoError(t, err)
	}
	got := make([]sim.Result, seeds*times)
	var group sync.WaitGroup
	for part := range 4 {
		group.Go(func() {
			for k := part; k < len(got); k += 4 {
				got[k], _ = sim.RunForeign(NewVirtual, uint64(1+k%seeds), nil) // an error gives another result
			}
		})
	}
	group.Wait()
	for k := range got {
		require.Equal(t, want[k%seeds], got[k], "seed %d", 1+k%seeds)
	}
}

// planted is netstack below an application that has a fault.
type planted struct {
	sim.Foreign
	change func(sim.Socket) sim.Socket
}

func (p *planted) Listen(port uint16, accepted func(sim.Socket) func()) error {
	return p.Foreign.Listen(port, func(s sim.Socket) func() { return accepted(p.change(s)) })
}

// lying sends other bytes than it was given.
type lying struct{ sim.Socket }

func (l lying) Write(b []byte) (int, error) {
	b = slices.Clone(b)
	b[0] = ^b[0]
	return l.Socket.Write(b)
}

// forgetful loses the first byte of what it reads.
type forgetful struct{ sim.Socket }

func (f forgetful) Read(b []byte) (int, error) {
	n, err := f.Socket.Read(b)
	if n > 0 {
		n = copy(b, b[1:n])
	}
	return n, err
}

// abrupt resets instead of sending its end, and says nothing of it.
type abrupt struct {
	sim.Socket
	gone bool
}

func (a *abrupt) CloseWrite() error {
	a.Abort()
	a.gone = true
	return nil
}

func (a *abrupt) Read(b []byte) (int, error) {
	if a.gone {
		return 0, nil
	}
	return a.Socket.Read(b)
}

// A simulation that finds nothing may be one that looks at nothing.
func TestVirtualPlantedFaultsAreFound(t *testing.T) {
	for want, change := range map[string]func(sim.Socket) sim.Socket{
		"wrong bytes were delivered":                func(s sim.Socket) sim.Socket { return lying{s} },
		"other bytes than were sent":                func(s sim.Socket) sim.Socket { return forgetful{s} },
		"the peer's application did not give it up": func(s sim.Socket) sim.Socket { return &abrupt{Socket: s} },
	} {
		open := func(around sim.Surroundings) (sim.Foreign, error) {
			v, err := NewVirtual(around)
			return &planted{v, change}, err
		}
		for seed := uint64(1); ; seed++ {
			require.Less(t, seed, uint64(30), "%s was never found", want)
			if _, err := sim.RunForeign(open, seed, nil); err != nil {
				require.ErrorContains(t, err, want)
				break
			}
		}
	}
}
