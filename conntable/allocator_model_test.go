package conntable

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/seeded"
)

// tuples is the allocator, table and quarantine as one would write them
// without any thought of speed: every tuple with what is known of it.
type tuples struct {
	t      *testing.T
	c      *client
	cfg    AllocatorConfig
	rest   time.Duration
	open   []uint32              // indices, in the order of their opening
	taken  map[Key]bool          // open
	closed map[Key]time.Duration // when it was last
}

// all are the tuples to a destination that a choice leaves.
func (m *tuples) all(remote uint32, choice Choice) (keys []Key) {
	for local := range m.cfg.Sources {
		for port := int(m.cfg.PortMin); port <= int(m.cfg.PortMax); port++ {
			if port%m.cfg.Shards != m.cfg.Shard ||
				choice.Port != 0 && int(choice.Port) != port || choice.HasLocal && int(choice.Local) != local {
				continue
			}
			keys = append(keys, Key{Remote: remote, RemotePort: 80, Local: uint16(local), LocalPort: uint16(port)})
		}
	}
	return keys
}

// openOne opens, and judges what came of it.
func (m *tuples) openOne(remote uint32, choice Choice, now time.Duration) {
	index, err := m.c.open(remote, choice, now)
	may := m.all(remote, choice)
	if err == nil {
		key := m.c.table.At(index).Key()
		require.Contains(m.t, may, key, "%+v", choice)
		require.False(m.t, m.taken[key], "open already")
		if at, was := m.closed[key]; was {
			require.GreaterOrEqual(m.t, now-at, m.rest, "rests")
		}
		m.taken[key] = true
		m.open = append(m.open, index)
		return
	}
	if errors.Is(err, ErrNotOwned) {
		require.Empty(m.t, may)
		return
	}
	require.ErrorIs(m.t, err, ErrFull)
	if m.c.table.Len() == m.c.table.Cap() {
		return
	}
	for _, key := range may {
		at, was := m.closed[key]
		require.True(m.t, m.taken[key] || was && now-at <= m.rest+m.rest/32+time.Millisecond, "%+v is free, and was not found", key)
	}
}

// closeOne closes one of those that are open.
func (m *tuples) closeOne(rng *rand.Rand, now time.Duration) {
	if len(m.open) == 0 {
		return
	}
	k := rng.IntN(len(m.open))
	key := m.c.table.At(m.open[k]).Key()
	m.c.close(m.open[k], now)
	m.open = slices.Delete(m.open, k, k+1)
	delete(m.taken, key)
	m.closed[key] = now
}

// TestAllocatorAgainstModel opens and closes connections at random: a tuple is
// never shared nor used again too soon, and full means that none was free.
func TestAllocatorAgainstModel(t *testing.T) {
	rng := seeded.Rand(t)
	for _, cfg := range []AllocatorConfig{
		{Sources: 3, PortMin: 5000, PortMax: 5020, Shards: 1},
		{Sources: 1, PortMin: 65_500, PortMax: 65_535, Shard: 2, Shards: 3},
		{Sources: 30, PortMin: 1, PortMax: 2, Shards: 1},
	} {
		cfg.Seed = [2]uint64{rng.Uint64(), rng.Uint64()}
		const rest = 50 * time.Millisecond
		m := &tuples{t: t, c: newClient(t, 100, rest, cfg), cfg: cfg, rest: rest, taken: map[Key]bool{}, closed: map[Key]time.Duration{}}
		m.c.q = newQuarantine(t, 4000, rest)
		// Where milliseconds and their sign wrap within the run.
		now := []time.Duration{0, 1<<32*time.Millisecond - time.Second, 1<<31*time.Millisecond - time.Second}[rng.IntN(3)]
		for range 20_000 {
			now += time.Duration(rng.IntN(300)) * time.Microsecond
			if rng.IntN(5) < 2 {
				m.closeOne(rng, now)
				continue
			}
			choice := Choice{Local: uint16(rng.IntN(cfg.Sources + 1)), HasLocal: rng.IntN(4) == 0}
			if rng.IntN(4) == 0 {
				choice.Port = cfg.PortMin + uint16(rng.IntN(int(cfg.PortMax-cfg.PortMin)+1))
			}
			m.openOne(uint32(rng.IntN(2)), choice, now)
		}
		require.Zero(t, m.c.q.Shortened())
		require.Equal(t, len(m.open), m.c.table.Len())
	}
}
