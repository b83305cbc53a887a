package gnucrawl

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/gnutella"
)

// TestTableAgainstAMap names nodes at random, as leaves and as peers, from two
// goroutines.
func TestTableAgainstAMap(t *testing.T) {
	const names, span = 40_000, 5_000
	table := newTable(span)
	first := make([]map[gnutella.Address]bool, 2)
	var group sync.WaitGroup
	for k := range first {
		first[k] = make(map[gnutella.Address]bool)
		group.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(k)))
			for range names {
				a := gnutella.Address(1+random.IntN(span-1)) << 16
				as := uint64(leafBit)
				if random.IntN(3) == 0 {
					as = wantedBit
				}
				if _, wanted := table.name(a, as); wanted {
					first[k][a] = true
				}
			}
		})
	}
	group.Wait()
	total, wantedSlots := 0, 0
	for p, slot := range table.slots {
		if slot == 0 {
			continue
		}
		total += int(slot >> namedShift)
		a := gnutella.Address(slot & addressMask)
		at, ok := table.find(a)
		require.True(t, ok)
		require.EqualValues(t, p, at)
		require.Equal(t, a, table.address(at))
		if slot&wantedBit != 0 {
			wantedSlots++
			require.True(t, first[0][a] != first[1][a], "wanted first by exactly one")
		}
	}
	require.Equal(t, 2*names, total)
	require.Equal(t, wantedSlots, len(first[0])+len(first[1]))
	_, ok := table.find(gnutella.Address(span+1) << 16)
	require.False(t, ok)
}

func TestTableIsBounded(t *testing.T) {
	table := newTable(10)
	for n := range 20 {
		p, _ := table.name(gnutella.Address(n+1)<<16, leafBit)
		require.Equal(t, n >= 10, p == noPlace, n)
	}
	for range 2 * namedMost {
		table.name(1<<16, leafBit) // does not run over into other bits
	}
	p, ok := table.find(1 << 16)
	require.True(t, ok)
	require.EqualValues(t, namedMost, table.slots[p]>>namedShift)
}

func TestQuoting(t *testing.T) {
	for _, text := range []string{"", "gtk-gnutella/1.2", `a"b\c`, "\x00\x1f\x7f\n", "Größe", "\xff\xfe bad"} {
		var back string
		require.NoError(t, json.Unmarshal(appendQuoted(nil, []byte(text)), &back), text)
		if utf8.ValidString(text) {
			require.Equal(t, text, back)
		}
	}
	many := newAgents()
	require.EqualValues(t, 0, many.number(nil))
	require.EqualValues(t, 1, many.number([]byte("x")))
	require.EqualValues(t, 2, many.number([]byte(strings.Repeat("y", 5000))))
	require.EqualValues(t, 1, many.number([]byte("x")))
	require.Len(t, many.quoted[2], agentBytesMax+2)
}

func TestQueue(t *testing.T) {
	var q queue
	pushed, popped := place(0), place(0)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		if random.IntN(5) < 3 || q.len() == 0 {
			q.push(task{node: pushed})
			pushed++
			continue
		}
		require.Equal(t, popped, q.pop().node)
		popped++
	}
	require.EqualValues(t, pushed-popped, q.len())
}
