package conntable

import "myriad/internal/ahead"

// A look-up in three steps, for those who have many to do: Ahead of some, Guess
// of these, and Confirm of each when it is needed. What a step will read is asked
// for in the one before, and comes while other work is done.

// Together is how many keys, at most, one call of Ahead, Guess and the like takes:
// enough to keep all of a core's outstanding misses busy (10 to 48 line fill
// buffers), and few enough that what comes is not forgotten before it is used.
const Together = 16

// Ahead has fetched where look-ups of keys with these hashes begin.
func (t *Table) Ahead(hashes []uint64) {
	homes := &t.scratch
	for k, hash := range hashes {
		homes[k%Together] = t.index.home(hash)
	}
	ahead.Lines(t.index.buckets, homes[:len(hashes)])
}

// Guess puts into guesses, for each key, given its hash, the index of the entry
// that most likely has it, and has the entry fetched; None when there certainly
// is none.
func (t *Table) Guess(keys []Key, hashes []uint64, guesses []uint32) {
	for k := range keys {
		guesses[k] = t.guess(&keys[k], hashes[k])
	}
	ahead.Lines(t.entries, guesses[:len(keys)])
}

func (t *Table) guess(key *Key, hash uint64) uint32 {
	b := &t.index.buckets[t.index.home(hash)]
	if found := b.match(tagOf(hash)); found != 0 {
		return b.indices[found.next()]
	}
	if b.passed != 0 {
		return t.LookupHashed(key, hash)
	}
	return None
}

// Confirm returns the index of the entry that has the key, None for a miss, given
// what Guess said.
func (t *Table) Confirm(key *Key, hash uint64, guess uint32) uint32 {
	if guess != None && !t.entries[guess].matches(key) {
		return t.LookupHashed(key, hash)
	}
	return guess
}

// AheadOfEnds has fetched what Retire of the entries at these indices below Cap
// will read.
func (t *Table) AheadOfEnds(indices []uint32, q *Quarantine) {
	if q.rest == 0 {
		return // and needs no hashes
	}
	var hashes [Together]uint64
	for k, index := range indices {
		hashes[k%Together] = t.HashAt(index)
	}
	q.Ahead(hashes[:len(indices)])
}

// Ahead has fetched where tuples with these hashes rest, or would rest.
func (q *Quarantine) Ahead(hashes []uint64) {
	if q.rest == 0 {
		return
	}
	homes := &q.scratch
	for k, hash := range hashes {
		homes[k%Together] = q.home(hash)
	}
	ahead.Lines(q.buckets, homes[:len(hashes)])
}

// LookupBatch looks up all keys; indexes, at least as long, gets an entry's
// index or None for each. Cache misses of different keys overlap, where one
// Lookup after the other would wait for each.
func (t *Table) LookupBatch(keys []Key, indexes []uint32) {
	var hashes [Together]uint64
	for len(keys) > 0 {
		n := min(len(keys), Together)
		for k := range keys[:n] {
			hashes[k%Together] = t.key.key(&keys[k])
		}
		t.Ahead(hashes[:n])
		t.Guess(keys[:n], hashes[:n], indexes[:n])
		for k := range keys[:n] {
			indexes[k] = t.Confirm(&keys[k], hashes[k%Together], indexes[k])
		}
		keys, indexes = keys[n:], indexes[n:]
	}
}
