package conntable

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"myriad/internal/huge"
)

// Errors of tables and allocators.
var (
	ErrFull   = errors.New("conntable: full")           // no entry, or no tuple, is left
	ErrExists = errors.New("conntable: tuple is taken") // by a connection in the table
)

// None is the index that names no entry.
const None = ^uint32(0)

// CapacityMax is the largest capacity of one table: 27 GiB.
const CapacityMax = 1 << 28

// Table is one worker's connections.
type Table struct {
	entries []Entry
	extras  []Extra
	index   index
	key     hashKey

	used  uint32 // entries in use
	fresh uint32 // entries from here on have never been used, nor touched
	free  uint32 // head of the list of entries given back, + 1; 0 = none

	worker  uint8
	scratch [Together]uint32
}

// New makes a table for capacity connections at once, 1 ≤ capacity ≤
// CapacityMax. worker goes into the IDs; seed keys the hash and should be
// random, unless a run is to be repeated.
func New(capacity int, worker uint8, seed [2]uint64) (*Table, error) {
	if capacity < 1 || capacity > CapacityMax {
		return nil, fmt.Errorf("conntable: new: capacity %d is not within 1 to %d", capacity, CapacityMax)
	}
	return &Table{
		entries: huge.Make[Entry](capacity),
		extras:  huge.Make[Extra](capacity),
		index:   newIndex(capacity),
		key:     newHashKey(seed),
		worker:  worker,
	}, nil
}

// At returns the entry at an index below Cap.
func (t *Table) At(index uint32) *Entry { return &t.entries[index] }

// Extra returns the rarely needed part of the entry at an index below Cap. It
// may be written to only while the entry is Extended.
func (t *Table) Extra(index uint32) *Extra { return &t.extras[index] }

// ID names the present use of the entry at an index below Cap.
func (t *Table) ID(index uint32) ID {
	return MakeID(t.worker, t.entries[index].Generation, index)
}

// Resolve returns the index that an ID stands for. ok is false when the ID is
// another worker's or never was one, when its connection has ended, and as
// long as the entry's State is Free.
func (t *Table) Resolve(id ID) (index uint32, ok bool) {
	index = id.Index()
	if uint64(index) >= uint64(len(t.entries)) || id.Worker() != int(t.worker) {
		return None, false
	}
	e := &t.entries[index]
	if e.State == Free || e.Generation != id.Generation() {
		return None, false
	}
	return index, true
}

// Len returns the number of entries in use.
func (t *Table) Len() int { return int(t.used) }

// Cap returns the number of entries there are.
func (t *Table) Cap() int { return len(t.entries) }

// Bytes returns the memory that the table holds when all of it has been used.
func (t *Table) Bytes() int {
	return len(t.entries)*int(unsafe.Sizeof(Entry{})+unsafe.Sizeof(Extra{})) +
		len(t.index.buckets)*int(unsafe.Sizeof(bucket{})) + int(unsafe.Sizeof(*t))
}

// Hash returns the keyed hash of a key, for InsertHashed, LookupHashed and
// the Quarantine.
func (t *Table) Hash(key *Key) uint64 { return t.key.key(key) }

// HashAt returns the hash of the key of the entry at an index below Cap.
func (t *Table) HashAt(index uint32) uint64 {
	return t.key.entry(&t.entries[index])
}

// Insert takes an entry for key. The entry is zero but for its key and
// Generation, and its Extra is zero. The error is ErrFull or ErrExists; with
// ErrExists the index is that of the entry that has the key.
func (t *Table) Insert(key *Key) (uint32, error) {
	return t.InsertHashed(key, t.key.key(key))
}

// InsertHashed is Insert for a key whose hash the caller has.
func (t *Table) InsertHashed(key *Key, hash uint64) (uint32, error) {
	if old := t.LookupHashed(key, hash); old != None {
		return old, ErrExists
	}
	return t.insertNew(key, hash)
}

// insertNew is InsertHashed for a key that is known not to be in the table.
func (t *Table) insertNew(key *Key, hash uint64) (uint32, error) {
	index, ok := t.take()
	if !ok {
		return None, ErrFull
	}
	t.index.add(hash, index)
	e := &t.entries[index] // zero, but for
	e.Side = 0
	e.Generation = nextGeneration(e.Generation)
	e.Remote, e.RemotePort, e.LocalPort, e.Local = key.Remote, key.RemotePort, key.LocalPort, key.Local
	t.used++
	return index, nil
}

// nextGeneration counts in 24 bits and leaves out 0, so that no ID is the zero
// ID.
func nextGeneration(g uint32) uint32 {
	if g = (g + 1) & GenerationMask; g == 0 {
		return 1
	}
	return g
}

// take returns an entry that is not in use: the one last given back, which is
// the likeliest to be in a cache.
func (t *Table) take() (uint32, bool) {
	if t.free != 0 {
		index := t.free - 1
		t.free = t.entries[index].Side
		return index, true
	}
	if int(t.fresh) == len(t.entries) {
		return None, false
	}
	t.fresh++
	return t.fresh - 1, true
}

// Remove gives back the entry at an index below Cap; its IDs no longer
// resolve. It returns false, and does nothing, when the entry is not in use.
func (t *Table) Remove(index uint32) bool {
	return t.removeHashed(index, t.HashAt(index))
}

// Retire is Remove, and begins the rest of the entry's tuple.
func (t *Table) Retire(index uint32, q *Quarantine, now time.Duration) bool {
	hash := t.HashAt(index)
	if !t.removeHashed(index, hash) {
		return false
	}
	q.Add(hash, now)
	return true
}

// removeHashed is Remove, given the hash of the entry's key.
func (t *Table) removeHashed(index uint32, hash uint64) bool {
	e := &t.entries[index]
	if !t.index.remove(hash, index) {
		return false
	}
	if e.Extended {
		t.extras[index] = Extra{}
	}
	*e = Entry{Generation: e.Generation, Side: t.free}
	t.free = index + 1
	t.used--
	return true
}

// Lookup returns the index of the entry that has the key.
func (t *Table) Lookup(key *Key) (uint32, bool) {
	index := t.LookupHashed(key, t.key.key(key))
	return index, index != None
}

// LookupHashed is Lookup for a key whose hash the caller has; None for a miss.
func (t *Table) LookupHashed(key *Key, hash uint64) uint32 {
	x := &t.index
	tag := tagOf(hash)
	home := x.home(hash)
	for at := home; ; {
		b := &x.buckets[at]
		for found := b.match(tag); found != 0; found &= found - 1 {
			index := b.indices[found.next()]
			if t.entries[index].matches(key) {
				return index
			}
		}
		if b.passed == 0 {
			return None
		}
		if at = x.after(at); at == home {
			return None
		}
	}
}

// matches reports whether the entry has the key.
func (e *Entry) matches(key *Key) bool {
	return e.Remote == key.Remote && e.RemotePort == key.RemotePort &&
		e.LocalPort == key.LocalPort && e.Local == key.Local
}
