package conntable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// client is a table with all that goes with it.
type client struct {
	t     testing.TB
	table *Table
	q     *Quarantine
	a     *Allocator
}

func newClient(t testing.TB, capacity int, rest time.Duration, cfg AllocatorConfig) *client {
	t.Helper()
	a, err := NewAllocator(cfg)
	require.NoError(t, err)
	return &client{t, newTable(t, capacity), newQuarantine(t, capacity, rest), a}
}

// open claims a tuple to a destination and returns its index.
func (c *client) open(remote uint32, choice Choice, now time.Duration) (uint32, error) {
	address := remote
	return c.a.Claim(c.table, c.q, address, 80, choice, now)
}

// close ends a connection.
func (c *client) close(index uint32, now time.Duration) {
	require.True(c.t, c.table.Retire(index, c.q, now))
	require.False(c.t, c.table.Retire(index, c.q, now))
}

func TestOwnerSharesThePortsOut(t *testing.T) {
	for shards := 1; shards <= 5; shards++ {
		total := 0
		for shard := range shards {
			a, err := NewAllocator(AllocatorConfig{Sources: 2, PortMin: 1001, PortMax: 1100, Shard: shard, Shards: shards})
			require.NoError(t, err)
			total += a.Tuples()
			for port := 990; port < 1110; port++ {
				want := port >= 1001 && port <= 1100 && Owner(uint16(port), shards) == shard
				require.Equal(t, want, a.Owns(1, uint16(port)))
				require.False(t, a.Owns(2, uint16(port)))
			}
		}
		require.Equal(t, 200, total)
	}
}

// TestEveryTupleOnceThenFull, for spaces that one call looks through.
func TestEveryTupleOnceThenFull(t *testing.T) {
	for _, sources := range []int{1, 3, 20} {
		c := newClient(t, 2000, 0, AllocatorConfig{Sources: sources, PortMin: 2000, PortMax: 2100, Shard: 1, Shards: 2})
		seen, perSource := map[Key]bool{}, make([]int, sources)
		for i := range c.a.Tuples() {
			index, err := c.open(7, Choice{}, 0)
			require.NoError(t, err)
			key := c.table.At(index).Key()
			require.False(t, seen[key])
			require.True(t, c.a.Owns(key.Local, key.LocalPort))
			require.EqualValues(t, 7, key.Remote)
			require.EqualValues(t, 80, key.RemotePort)
			seen[key] = true
			perSource[key.Local]++
			require.LessOrEqual(t, perSource[key.Local], i/sources+1, "every source once before one is used again")
		}
		_, err := c.open(7, Choice{}, 0)
		require.ErrorIs(t, err, ErrFull)
		_, err = c.open(8, Choice{}, 0)
		require.NoError(t, err, "another destination has its own")

		c.close(0, 0)
		index, err := c.open(7, Choice{}, 0)
		require.NoError(t, err, "the one given back is found")
		require.EqualValues(t, 0, index)
	}
}

// TestLargeSpaceIsFullOnlyAfterALook at every tuple, a bounded number per call.
func TestLargeSpaceIsFullOnlyAfterALook(t *testing.T) {
	c := newClient(t, 40_000, 0, AllocatorConfig{Sources: 2, PortMin: 1024, PortMax: 20_000, Shards: 1})
	opened, busy := 0, 0
	for {
		_, err := c.open(7, Choice{}, 0)
		if err == ErrBusy {
			busy++
			continue
		}
		if err != nil {
			require.ErrorIs(t, err, ErrFull)
			break
		}
		opened++
	}
	require.Equal(t, c.a.Tuples(), opened)
	require.GreaterOrEqual(t, busy, c.a.Tuples()/(probesInOrder+probesOnward))

	c.close(12_345, 0)
	calls := 1
	for ; calls < 100; calls++ {
		if _, err := c.open(7, Choice{}, 0); err == nil {
			break
		}
	}
	require.Less(t, calls, 50, "the one free tuple of 37,954 is found")
}

func TestTableFullIsFull(t *testing.T) {
	c := newClient(t, 1, 0, AllocatorConfig{Sources: 1, PortMin: 1, PortMax: 100, Shards: 1})
	_, err := c.open(1, Choice{}, 0)
	require.NoError(t, err)
	_, err = c.open(2, Choice{}, 0)
	require.ErrorIs(t, err, ErrFull)
}

func TestRestingTuplesAreSkipped(t *testing.T) {
	c := newClient(t, 100, time.Second, AllocatorConfig{Sources: 2, PortMin: 1000, PortMax: 1004, Shards: 1})
	for i := range 10 {
		index, err := c.open(7, Choice{}, 0)
		require.NoError(t, err)
		c.close(index, time.Duration(i)*time.Millisecond)
	}
	_, err := c.open(7, Choice{}, 900*time.Millisecond)
	require.ErrorIs(t, err, ErrFull)
	_, err = c.open(7, Choice{}, 1200*time.Millisecond)
	require.NoError(t, err)
}

func TestChoiceOfSourceAndPort(t *testing.T) {
	c := newClient(t, 1000, 0, AllocatorConfig{Sources: 3, PortMin: 1000, PortMax: 1009, Shards: 1})
	ports := map[uint16]bool{}
	for range 10 {
		index, err := c.open(7, Choice{Local: 2, HasLocal: true}, 0)
		require.NoError(t, err)
		e := c.table.At(index)
		require.EqualValues(t, 2, e.Local)
		ports[e.LocalPort] = true
	}
	require.Len(t, ports, 10)
	_, err := c.open(7, Choice{Local: 2, HasLocal: true}, 0)
	require.ErrorIs(t, err, ErrFull)

	for range 2 {
		index, err := c.open(7, Choice{Port: 1003}, 0)
		require.NoError(t, err)
		require.EqualValues(t, 1003, c.table.At(index).LocalPort)
	}
	_, err = c.open(7, Choice{Port: 1003}, 0)
	require.ErrorIs(t, err, ErrFull)

	index, err := c.open(8, Choice{Local: 1, HasLocal: true, Port: 1005}, 0)
	require.NoError(t, err)
	require.Equal(t, Key{Remote: 8, RemotePort: 80, Local: 1, LocalPort: 1005}, c.table.At(index).Key())
	for _, choice := range []Choice{{Port: 999}, {Port: 1010}, {Local: 3, HasLocal: true}} {
		_, err = c.open(8, choice, 0)
		require.ErrorIs(t, err, ErrNotOwned)
	}
}

func TestCheck(t *testing.T) {
	c := newClient(t, 10, time.Second, AllocatorConfig{Sources: 1, PortMin: 1000, PortMax: 1009, Shards: 1})
	key := Key{Remote: 7, RemotePort: 80, LocalPort: 1001}
	check := func(now time.Duration) error { return c.a.Check(c.table, c.q, &key, now) }
	require.NoError(t, check(0))
	index := insert(t, c.table, key)
	require.ErrorIs(t, check(0), ErrExists)
	c.close(index, 0)
	require.ErrorIs(t, check(0), ErrResting)
	require.NoError(t, check(2*time.Second))
	key.LocalPort = 80
	require.ErrorIs(t, check(0), ErrNotOwned)
}

// TestSourcesAreUsedEvenlyOverManyDestinations, one connection each.
func TestSourcesAreUsedEvenlyOverManyDestinations(t *testing.T) {
	c := newClient(t, 50_000, 0, AllocatorConfig{Sources: 10, PortMin: 1024, PortMax: 65535, Shards: 2, Seed: [2]uint64{1, 1}})
	perSource := make([]int, 10)
	for i := range 50_000 {
		index, err := c.open(uint32(i), Choice{}, 0)
		require.NoError(t, err)
		perSource[c.table.At(index).Local]++
	}
	for _, count := range perSource {
		require.InDelta(t, 5000, count, 400)
	}
}

// TestPortsDoNotGiveOtherPortsAway: nothing relates the first ports of two
// destinations, or of two seeds (RFC 6056 §3.1).
func TestPortsDoNotGiveOtherPortsAway(t *testing.T) {
	steps := map[int]int{}
	last := 0
	for i := range 1000 {
		c := newClient(t, 1, 0, AllocatorConfig{Sources: 1, PortMin: 1024, PortMax: 65535, Shards: 1, Seed: [2]uint64{uint64(i / 500), 9}})
		index, err := c.open(uint32(i), Choice{}, 0)
		require.NoError(t, err)
		port := int(c.table.At(index).LocalPort)
		steps[port-last]++
		last = port
	}
	for step, count := range steps {
		require.Less(t, count, 4, "step %d", step)
	}
}

func TestNewAllocatorRefuses(t *testing.T) {
	good := AllocatorConfig{Sources: 1, PortMin: 10, PortMax: 20, Shard: 1, Shards: 2}
	for names, spoil := range map[string]func(c *AllocatorConfig){
		"Sources 0":   func(c *AllocatorConfig) { c.Sources = 0 },
		"Sources 655": func(c *AllocatorConfig) { c.Sources = SourcesMax + 1 },
		"PortMin 0":   func(c *AllocatorConfig) { c.PortMin = 0 },
		"PortMin 30":  func(c *AllocatorConfig) { c.PortMin = 30 },
		"Shards 0":    func(c *AllocatorConfig) { c.Shards = 0 },
		"Shard 2":     func(c *AllocatorConfig) { c.Shard = 2 },
		"no port":     func(c *AllocatorConfig) { c.PortMax, c.Shards = 10, 8 },
	} {
		cfg := good
		spoil(&cfg)
		_, err := NewAllocator(cfg)
		require.ErrorContains(t, err, names)
	}
	_, err := NewAllocator(good)
	require.NoError(t, err)
}

func TestAllocatorDoesNotAllocate(t *testing.T) {
	c := newClient(t, 100, time.Second, AllocatorConfig{Sources: 2, PortMin: 1000, PortMax: 1004, Shards: 1})
	now := time.Duration(0)
	require.Zero(t, testing.AllocsPerRun(200, func() {
		now += 10 * time.Millisecond
		remote := uint32(1)
		if _, err := c.a.Next(c.table, c.q, remote, 80, now); err != nil {
			return
		}
		if index, err := c.a.Claim(c.table, c.q, remote, 80, Choice{}, now); err == nil {
			c.close(index, now)
		}
	}))
}

// TestStretchThatIsTakenIsJumpedOver: where long-lived connections hold the
// tuples next in order, free ones elsewhere are found without a walk to them.
func TestStretchThatIsTakenIsJumpedOver(t *testing.T) {
	const tuples, taken = 60_000, 20_000
	c := newClient(t, tuples, time.Second, AllocatorConfig{Sources: 1, PortMin: 1, PortMax: tuples, Shards: 1})
	var opened []uint32
	for range tuples {
		index, err := c.open(7, Choice{}, 0)
		if err == ErrBusy { // the last few are free, but hard to find
			continue
		}
		require.NoError(t, err)
		opened = append(opened, index)
	}
	require.Greater(t, len(opened), tuples-100)
	for _, index := range opened[taken:] {
		c.close(index, 0)
	}
	const later = 2 * time.Second
	for range 1000 {
		_, err := c.open(7, Choice{}, later)
		require.NoError(t, err)
	}
}

// TestPortsFollowTheSeed: whoever does not know it cannot tell the port to a
// destination, though he knows the ports to it of another client.
func TestPortsFollowTheSeed(t *testing.T) {
	seen := map[uint16]int{}
	for seed := range uint64(200) {
		c := newClient(t, 1, 0, AllocatorConfig{Sources: 1, PortMin: 1024, PortMax: 65535, Shards: 1, Seed: [2]uint64{seed, 9}})
		index, err := c.open(7, Choice{}, 0)
		require.NoError(t, err)
		seen[c.table.At(index).LocalPort]++
	}
	require.Greater(t, len(seen), 180)
}

// What is drawn for several connections before the first of them is claimed is
// given once, and all of the tuples are found.
func TestSearchesBegunTogether(t *testing.T) {
	c := newClient(t, 100, 0, AllocatorConfig{Sources: 2, PortMin: 1000, PortMax: 1004, Shards: 1})
	var searches [4]Search
	keys := map[Key]bool{}
	for len(keys) < 10 {
		for k := range searches {
			require.NoError(t, c.a.Begin(&searches[k], c.table, c.q, 7, 80, Choice{}))
			_ = searches[k].Hash()
		}
		for k := range searches {
			index, err := searches[k].Claim(0)
			if len(keys) == 10 {
				require.ErrorIs(t, err, ErrFull)
				continue
			}
			require.NoError(t, err)
			keys[c.table.At(index).Key()] = true
		}
	}
	require.ErrorIs(t, c.a.Begin(&searches[0], c.table, c.q, 7, 80, Choice{Port: 999}), ErrNotOwned)
}

// A search that found the table full does not count the tuple that it drew as
// seen.
func TestFullTableLeavesNoTupleOut(t *testing.T) {
	c := newClient(t, 1, 0, AllocatorConfig{Sources: 1, PortMin: 1000, PortMax: 1002, Shards: 1})
	only, err := c.a.Claim(c.table, c.q, 7, 80, Choice{}, 0)
	require.NoError(t, err)
	for range 5 {
		_, err := c.a.Claim(c.table, c.q, 7, 80, Choice{}, 0)
		require.ErrorIs(t, err, ErrFull)
	}
	c.table.Remove(only)
	_, err = c.a.Claim(c.table, c.q, 7, 80, Choice{}, 0)
	require.NoError(t, err)
}
