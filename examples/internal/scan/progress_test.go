package scan

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend"
	"myriad/linklayer"
)

// through is a progress as a checkpoint keeps it.
func through(t testing.TB, p Progress) (back Progress) {
	text, err := json.Marshal(p)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, p.Count(), back.Count())
	return back
}

// Cut short again and again, with answers, canaries and retries under way, a scan
// tells of every target once.
func TestGoingOnTellsOfEachTargetOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 3 {
		told, from, runs := map[target]bool{}, Progress{}, 0
		rate, canary := []float64{0, 300}[r.IntN(2)], r.IntN(2) == 0
		for count := uint64(0); count < 128; runs++ {
			require.Less(t, runs, 1000)
			b := newBench(t, func(c *Config) { c.From, c.Rate, c.Canary = from, rate, canary })
			require.Equal(t, count, from.Count())
			var answers [][]byte
			for range r.IntN(12) {
				sent := b.turn(time.Duration(r.IntN(6e8)), answers...)
				answers = nil
				for k := range sent {
					p := &sent[k]
					key := target{ip16(&p.Destination), p.DestinationPort}
					require.False(t, told[key], "it was told of before, and is probed")
					switch {
					case p.Segment.Flags != linklayer.SYN:
					case r.IntN(3) == 0:
						answers = append(answers, synAck(p))
					case r.IntN(3) == 0:
						answers = append(answers, refusal(p))
					}
				}
			}
			b.s.Stop()
			from = through(t, b.s.Rest())
			for key := range b.results {
				require.False(t, told[key], "%v:%d", Addr(key.address), key.port)
				told[key] = true
			}
			count = uint64(len(told))
			require.Equal(t, count, from.Count())
		}
		require.EqualValues(t, 128, from.Low())
	}
}

// Progress waits for each worker to have handed over what it answers for, and has
// no answer in it whose host's canary is awaited.
func TestProgressOfAScanThatRuns(t *testing.T) {
	turns := 0
	b := newBench(t, func(c *Config) {
		c.Canary = true
		c.Turn = func(int) { turns++ }
	})
	ask := func() <-chan Progress {
		result := make(chan Progress, 1)
		go func() {
			p, err := b.s.Progress(context.Background())
			require.NoError(t, err)
			result <- p
		}()
		for b.s.workers[0].census.Load() == nil {
			time.Sleep(time.Millisecond)
		}
		return result
	}
	probes := b.turn(0)
	b.turn(time.Millisecond, synAck(&probes[0]), refusal(&probes[1]), refusal(&probes[2]))
	before := turns
	result := ask()
	select {
	case <-result:
		t.Fatal("nobody has taken a turn since")
	case <-time.After(20 * time.Millisecond):
	}
	b.turn(time.Millisecond, refusal(&probes[4]))
	p := <-result
	require.Greater(t, turns, before)
	for n, want := range []bool{false, true, true, false} {
		require.Equal(t, want, p.Has(uint64(n)), n)
	}
	require.EqualValues(t, 2, p.Count(), "what was answered meanwhile waits for the next")
	result = ask()
	b.turn(time.Millisecond)
	p = <-result
	require.EqualValues(t, 3, p.Count())
	require.Zero(t, p.Low())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := b.s.Progress(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// many is a device's description.
type many struct {
	fake
	queues int
}

func (m *many) Info() (i iobackend.Info) {
	i = m.fake.Info()
	i.Queues = m.queues
	return i
}

// A job's progress against a record of each index, gone on with by other numbers
// of workers.
func TestProgressAgainstRecord(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 10 {
		space, err := NewSpace(prefixes("198.18.0.0/21"), []uint16{80}, 3)
		require.NoError(t, err)
		done, from := map[uint64]bool{}, Progress{}
		for range 5 {
			s := &Scanner{cfg: Config{Device: &many{queues: 1 + r.IntN(3)}, Space: space, Shards: 1, Rate: 1000, Timeout: time.Second}}
			j, err := s.newJob(0, from)
			require.NoError(t, err)
			for k, w := range j.windows {
				for range r.IntN(20) {
					n := min(uint64(r.IntN(100)), w.room(), w.end-w.head.Load())
					first := w.take(n, 1)
					for i := first; i < first+n; i++ {
						if done[j.index(k, i)] == w.wanted(i) {
							t.Fatalf("index %d", j.index(k, i))
						}
						if r.IntN(3) == 0 {
							w.mark(i)
							done[j.index(k, i)] = true
						}
					}
				}
				for w.ready(w.tail.Load()) && r.IntN(3) > 0 {
					word := w.tail.Load() * wordBits
					w.settle()
					for i := word; i < min(word+wordBits, w.end); i++ {
						done[j.index(k, i)] = true
					}
				}
			}
			p := j.answered()
			var waiting []uint64 // some are in hand
			for n := range done {
				if r.IntN(50) == 0 && n >= j.from && !from.Has(n) {
					waiting = append(waiting, n)
					delete(done, n)
				}
			}
			p.withhold(waiting)
			require.NoError(t, p.check(j.targets))
			from = through(t, p)
			require.EqualValues(t, len(done), from.Count())
			low := uint64(0)
			for n := range j.targets {
				if done[n] != from.Has(n) {
					t.Fatalf("index %d", n)
				}
				if low == n && done[n] {
					low++
				}
			}
			require.LessOrEqual(t, from.Low(), low)
			for _, bytes := range []int{100, 1000} { // cut short, it claims less, never more
				cut := from
				cut.Open, cut.Done = slices.Clone(from.Open), slices.Clone(from.Done)
				cut.Trim(bytes)
				text, err := json.Marshal(cut)
				require.NoError(t, err)
				require.Less(t, len(text), bytes+60)
				for n := range j.targets {
					if cut.Has(n) && !done[n] {
						t.Fatalf("index %d", n)
					}
				}
			}
		}
	}
}

// What a state file may say that is not so is refused by name.
func TestProgressRefused(t *testing.T) {
	for _, p := range []Progress{
		{Next: 129}, {Next: 120, Done: make([]byte, 2)}, {Next: 10, Open: []uint64{3, 2}}, {Next: 10, Open: []uint64{10}},
	} {
		require.ErrorContains(t, p.check(128), "From")
	}
}
