package conntable

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/rss"
)

// card is a network card with some queues, for local addresses 10.0.0.0 and on.
func card(t testing.TB, seed uint64, queues, sources int) *Steering {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	c := rss.Config{Key: make([]byte, 40), Indirection: make([]uint32, 128)}
	for k := range c.Key {
		c.Key[k] = byte(r.Uint32())
	}
	for k := range c.Indirection {
		c.Indirection[k] = uint32(k % queues)
	}
	hash, err := rss.New(c)
	require.NoError(t, err)
	g := &Steering{Hash: hash}
	for k := range sources {
		g.Local = append(g.Local, hash.Local(10<<24+uint32(k)))
	}
	return g
}

// arrives is the queue of what a peer sends to a tuple.
func (g *Steering) arrives(k Key) uint32 { return g.queue(g.Hash.Remote(k.Remote, k.RemotePort), &k) }

// While there are some, tuples are handed out whose packets arrive on the shard's
// own queue, also where the device has more queues than there are shards.
func TestSteeredTuplesArriveAtHome(t *testing.T) {
	const keys, opened = 16, 500
	for _, shards := range []int{2, 3, 8} {
		elsewhere := 0
		for seed := range uint64(keys) {
			g := card(t, seed, 2*shards, 4)
			for shard := range shards {
				elsewhere += elsewhereOf(t, g, opened, shard, shards)
			}
		}
		require.Less(t, elsewhere, keys*shards*opened/100, "of %d", keys*shards*opened)
	}
}

// elsewhereOf opens as many connections, and counts those whose packets do not
// arrive on the shard's queues.
func elsewhereOf(t *testing.T, g *Steering, opened, shard, shards int) (elsewhere int) {
	c := newClient(t, opened, 0, AllocatorConfig{Sources: 4, PortMin: 1024, PortMax: 65535, Shard: shard, Shards: shards, Steering: g})
	for i := range opened {
		index, err := c.open(uint32(1000+i), Choice{}, 0)
		require.NoError(t, err)
		key := c.table.At(index).Key()
		require.True(t, c.a.Owns(key.Local, key.LocalPort))
		if g.arrives(key)%uint32(shards) != uint32(shard) {
			elsewhere++
		}
	}
	return elsewhere
}

// Every tuple is handed out in the end, those that arrive elsewhere too, and then
// it is full.
func TestSteeringLeavesNoTupleOut(t *testing.T) {
	g := card(t, 1, 2, 3)
	c := newClient(t, 2000, 0, AllocatorConfig{Sources: 3, PortMin: 2000, PortMax: 2200, Shard: 1, Shards: 2, Steering: g})
	seen, first := map[Key]bool{}, 0
	for i := range c.a.Tuples() {
		index, err := c.open(7, Choice{}, 0)
		require.NoError(t, err)
		key := c.table.At(index).Key()
		require.False(t, seen[key])
		seen[key] = true
		if i < c.a.Tuples()/4 && g.arrives(key)%2 == 1 {
			first++
		}
	}
	require.Equal(t, c.a.Tuples()/4, first, "those at home come first")
	_, err := c.open(7, Choice{}, 0)
	require.ErrorIs(t, err, ErrFull)
}

// A choice that leaves no room is obeyed, wherever it arrives.
func TestSteeringObeysTheChoice(t *testing.T) {
	g := card(t, 2, 2, 1)
	c := newClient(t, 200, time.Second, AllocatorConfig{Sources: 1, PortMin: 2000, PortMax: 2100, Shards: 2, Steering: g})
	for port := uint16(2000); port <= 2100; port += 2 {
		index, err := c.open(9, Choice{Port: port}, 0)
		require.NoError(t, err)
		require.Equal(t, port, c.table.At(index).Key().LocalPort)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, _ = c.open(11, Choice{}, 0)
	}))
}

func TestSteeringIsRefused(t *testing.T) {
	_, err := NewAllocator(AllocatorConfig{Sources: 2, PortMin: 1, PortMax: 9, Shards: 1, Steering: card(t, 3, 2, 1)})
	require.ErrorContains(t, err, "Steering.Local has 1 parts for Sources 2")
}
