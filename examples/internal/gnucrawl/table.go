package gnucrawl

import (
	"math/bits"
	"sync/atomic"

	"myriad/examples/internal/gnutella"
)

// place is a node's slot in the table: its number for the whole crawl.
type place = uint32

// A slot is a node's address, whether it is wanted (named as a peer, or a
// seed) or named as a leaf, and how often it was named.
const (
	addressMask  = 1<<48 - 1
	wantedBit    = 1 << 48
	leafBit      = 1 << 49
	namedOne     = 1 << 51
	namedShift   = 51
	namedMost    = 1<<12 - 1 - 256 // a few may be added beyond it at the same time
	noPlace      = ^place(0)
	fillPerMille = 875 // beyond which probing becomes long
)

// table finds a node's place. It is safe for concurrent use; slots are never
// emptied.
type table struct {
	slots []uint64
	shift uint
	most  int64
	count atomic.Int64
}

// newTable makes a table for so many nodes.
func newTable(nodes int) *table {
	size := 1 << bits.Len64(uint64(nodes)*1000/fillPerMille)
	return &table{slots: make([]uint64, size), shift: uint(64 - bits.Len(uint(size-1))), most: int64(nodes)}
}

func spread(a gnutella.Address) uint64 { return uint64(a) * 0x9e3779b97f4a7c15 }

// touch reads the slot where a is looked for first, so that several misses of
// the cache are in flight at once.
func (t *table) touch(a gnutella.Address) uint64 {
	return atomic.LoadUint64(&t.slots[spread(a)>>t.shift])
}

// name counts that a was named, as a leaf or as a peer, and returns its place.
// wanted is true for the one call that makes it wanted first. Without room for
// a new node the place is noPlace.
func (t *table) name(a gnutella.Address, as uint64) (p place, wanted bool) {
	mask := uint64(len(t.slots) - 1)
	at := spread(a) >> t.shift
	for {
		slot := &t.slots[at]
		old := atomic.LoadUint64(slot)
		if old == 0 {
			if t.count.Load() >= t.most {
				return noPlace, false
			}
			if atomic.CompareAndSwapUint64(slot, 0, uint64(a)|as|namedOne) {
				t.count.Add(1)
				return place(at), as == wantedBit
			}
			old = atomic.LoadUint64(slot)
		}
		if old&addressMask == uint64(a) {
			return place(at), t.again(slot, old, as)
		}
		at = (at + 1) & mask
	}
}

// again counts one more naming of a node that is known.
func (t *table) again(slot *uint64, old, as uint64) (wanted bool) {
	if old>>namedShift < namedMost {
		atomic.AddUint64(slot, namedOne)
	}
	if old&as != 0 {
		return false
	}
	return atomic.OrUint64(slot, as)&as == 0 && as == wantedBit
}

func (t *table) address(p place) gnutella.Address {
	return gnutella.Address(atomic.LoadUint64(&t.slots[p]) & addressMask)
}

// find returns the place of a node that is known.
func (t *table) find(a gnutella.Address) (p place, ok bool) {
	for at := spread(a) >> t.shift; ; at = (at + 1) & uint64(len(t.slots)-1) {
		switch slot := atomic.LoadUint64(&t.slots[at]); {
		case slot == 0:
			return noPlace, false
		case slot&addressMask == uint64(a):
			return place(at), true
		}
	}
}
