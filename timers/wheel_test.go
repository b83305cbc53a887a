package timers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/seeded"
)

// starts are instants around which the 32-bit millisecond count turns over, or
// its sign does.
var starts = []time.Duration{0, 1<<31*Tick - 3*time.Second, 1<<32*Tick - 3*time.Second, 3<<32*Tick - 3*time.Second}

func newWheel(t testing.TB, capacity int, now time.Duration) *Wheel {
	t.Helper()
	w, err := NewWheel(capacity, now)
	require.NoError(t, err)
	return w
}

// advance returns all that is due at now.
func advance(w *Wheel, now time.Duration) []uint32 {
	var all []uint32
	var fired [16]uint32
	for {
		n, more := w.Advance(now, fired[:])
		all = append(all, fired[:n]...)
		if !more {
			return all
		}
	}
}

func TestWheelFiresNeverEarlyAndAtOnce(t *testing.T) {
	for _, start := range starts {
		for _, after := range []time.Duration{1, Tick, Tick + 1, 255 * Tick, 256 * Tick, 257 * Tick, time.Second, time.Minute,
			70 * time.Second, time.Hour, 10 * time.Hour, 24 * 24 * time.Hour} {
			w := newWheel(t, 1, start)
			at := start + after
			w.Arm(0, at)
			due, ok := w.Deadline(0)
			require.True(t, ok)
			require.GreaterOrEqual(t, due, at)
			require.Less(t, due, at+Tick)
			require.Empty(t, advance(w, due-1), "%v after %v", after, start)
			next, ok := w.Next()
			require.True(t, ok)
			require.LessOrEqual(t, next, due)
			require.Equal(t, []uint32{0}, advance(w, due), "%v after %v", after, start)
			require.False(t, w.Armed(0))
			_, ok = w.Next()
			require.False(t, ok)
		}
	}
}

func TestWheelFiresThePastAtTheNextAdvance(t *testing.T) {
	w := newWheel(t, 3, time.Second)
	for i, at := range []time.Duration{-time.Hour, 0, time.Second} {
		w.Arm(uint32(i), at)
	}
	next, ok := w.Next()
	require.True(t, ok)
	require.Equal(t, time.Second, next)
	require.ElementsMatch(t, []uint32{0, 1, 2}, advance(w, time.Second))
	require.Zero(t, w.Len())
}

func TestWheelBeyondTheHorizonFiresThere(t *testing.T) {
	for _, at := range []time.Duration{Horizon + time.Second, 1<<63 - 1} {
		w := newWheel(t, 1, time.Second)
		w.Arm(0, at)
		require.Empty(t, advance(w, time.Second+Horizon-1))
		require.Equal(t, []uint32{0}, advance(w, time.Second+Horizon))
	}
}

func TestWheelArmReplacesAndDisarmRemoves(t *testing.T) {
	w := newWheel(t, 4, 0)
	for i := range uint32(4) {
		w.Arm(i, 10*Tick)
	}
	w.Arm(1, 5*time.Second)
	w.Disarm(2)
	w.Disarm(2)
	require.Equal(t, 3, w.Len())
	require.False(t, w.Armed(2))
	_, ok := w.Deadline(2)
	require.False(t, ok)
	require.ElementsMatch(t, []uint32{0, 3}, advance(w, time.Second))
	require.Equal(t, []uint32{1}, advance(w, 5*time.Second))
}

func TestWheelDoesNotGoBack(t *testing.T) {
	w := newWheel(t, 1, time.Hour)
	require.Empty(t, advance(w, 0))
	w.Arm(0, time.Hour+Tick)
	require.Empty(t, advance(w, time.Minute))
	require.Equal(t, []uint32{0}, advance(w, time.Hour+Tick))
}

// TestWheelBoundsTheWorkOfOneCall: a jump of the clock over a million
// deadlines is taken in pieces, and nothing is lost or fired twice.
func TestWheelBoundsTheWorkOfOneCall(t *testing.T) {
	const count = 20_000
	w := newWheel(t, count, 0)
	for i := range uint32(count) {
		w.Arm(i, 30*time.Second+time.Duration(i)*Tick/4) // spread over level 1
	}
	fired := make([]uint32, 100)
	seen := make([]bool, count)
	calls := 0
	for more := true; more; calls++ {
		var n int
		n, more = w.Advance(90*time.Second, fired)
		for _, index := range fired[:n] {
			require.False(t, seen[index])
			seen[index] = true
		}
	}
	require.NotContains(t, seen, false)
	require.GreaterOrEqual(t, calls, count/100)

	for i := range uint32(count) {
		w.Arm(i, 20*time.Hour) // all in one slot of level 3
	}
	n, more := w.Advance(20*time.Hour-time.Minute, fired)
	require.Zero(t, n)
	require.True(t, more, "spreading 20,000 takes more than one call")
	next, _ := w.Next()
	require.LessOrEqual(t, next, 20*time.Hour-time.Minute, "there is something to do at once")
	w.Disarm(7)
	w.Arm(8, 21*time.Hour)
	require.Empty(t, advance(w, 20*time.Hour-time.Minute))
	require.Len(t, advance(w, 20*time.Hour), count-2)
	require.Equal(t, []uint32{8}, advance(w, 21*time.Hour))
}

func TestWheelFiresInOrderOfTicks(t *testing.T) {
	rng := seeded.Rand(t)
	w := newWheel(t, 1000, 0)
	at := make([]time.Duration, 1000)
	for i := range at {
		at[i] = time.Duration(rng.IntN(100_000)) * Tick
		w.Arm(uint32(i), at[i])
	}
	fired := advance(w, 100*time.Second)
	require.Len(t, fired, 1000)
	require.True(t, slices.IsSortedFunc(fired, func(a, b uint32) int { return int(at[a] - at[b]) }))
}

// TestWheelAgainstList runs random calls on a wheel and on a plain list.
func TestWheelAgainstList(t *testing.T) {
	rng := seeded.Rand(t)
	for _, start := range starts {
		t.Run(fmt.Sprint(start), func(t *testing.T) {
			m := &model{t: t, rng: rng, w: newWheel(t, 64, start), now: start, at: map[uint32]time.Duration{}}
			for range 5000 {
				m.step()
			}
		})
	}
}

// model is the wheel as one would write it without any thought of speed.
type model struct {
	t   *testing.T
	rng *rand.Rand
	w   *Wheel
	now time.Duration
	at  map[uint32]time.Duration
}

// span draws times of all magnitudes, from less than a tick to days.
func (m *model) span() time.Duration {
	return time.Duration(m.rng.Int64N(int64(Tick) << m.rng.IntN(28)))
}

func (m *model) step() {
	index := uint32(m.rng.IntN(64))
	switch m.rng.IntN(6) {
	case 0:
		m.w.Disarm(index)
		delete(m.at, index)
	case 1:
		m.advance()
	default:
		at := m.now + m.span() - 2*Tick
		m.w.Arm(index, at)
		m.at[index] = at
	}
	m.check(index)
}

func (m *model) check(index uint32) {
	require.Equal(m.t, len(m.at), m.w.Len())
	at, armed := m.at[index]
	require.Equal(m.t, armed, m.w.Armed(index))
	if armed && at > m.now {
		due, _ := m.w.Deadline(index)
		require.Equal(m.t, (at+Tick-1)/Tick*Tick, due)
	}
	next, ok := m.w.Next()
	require.Equal(m.t, len(m.at) > 0, ok)
	for _, at := range m.at {
		require.LessOrEqual(m.t, next, max(at+Tick-1, m.now))
	}
}

// advance moves on, sometimes just to what Next says, and compares.
func (m *model) advance() {
	m.now += m.span() / 16
	if next, ok := m.w.Next(); ok && m.rng.IntN(2) == 0 {
		m.now = max(m.now, next)
	}
	var want []uint32
	for index, at := range m.at {
		if at <= m.now/Tick*Tick {
			want = append(want, index)
			delete(m.at, index)
		}
	}
	require.ElementsMatch(m.t, want, advance(m.w, m.now))
}

func TestNewWheelRefuses(t *testing.T) {
	_, err := NewWheel(0, 0)
	require.ErrorContains(t, err, "capacity 0")
	_, err = NewWheel(1, -1)
	require.ErrorContains(t, err, "before the epoch")
}

func TestWheelDoesNotAllocate(t *testing.T) {
	w := newWheel(t, 100, 0)
	fired := make([]uint32, 64)
	now := time.Duration(0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i := range uint32(100) {
			w.Arm(i, now+time.Duration(i)*100*Tick)
		}
		now += 5 * time.Second
		w.Disarm(99)
		w.Next()
		w.Advance(now, fired)
		w.Advance(now, fired)
	}))
	require.Less(t, newWheel(t, 1000, 0).Bytes(), 20_000)
}

func TestAheadChangesNothing(t *testing.T) {
	w, err := NewWheel(200, 0)
	require.NoError(t, err)
	all := []uint32{^uint32(0), 200}
	for i := range uint32(200) {
		w.Arm(i, time.Duration(i%3)*time.Second)
		all = append(all, i)
	}
	before := slices.Clone(w.nodes)
	w.Ahead(all)
	w.AheadOfNeighbors(all)
	require.Equal(t, before, w.nodes)
	require.Equal(t, 200, w.Len())
}
