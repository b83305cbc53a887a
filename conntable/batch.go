package conntable

// batchMax is the number of keys looked up together: enough to keep all of a
// core's outstanding misses busy (10 to 48 line fill buffers) with scratch
// that stays in the first-level cache.
const batchMax = 64

// scratch is what one look-up of a batch needs.
type scratch struct {
	hashes [batchMax]uint64
	homes  [batchMax]uint32
	// touched keeps the loads that only bring lines into the cache from being
	// optimised away.
	touched uint32
}

// LookupBatch looks up all keys; indexes, at least as long, gets an entry's
// index or None for each. Cache misses of different keys overlap, where one
// Lookup after the other would wait for each.
func (t *Table) LookupBatch(keys []Key, indexes []uint32) {
	indexes = indexes[:len(keys)]
	for len(keys) > batchMax {
		t.lookupSome(keys[:batchMax], indexes[:batchMax])
		keys, indexes = keys[batchMax:], indexes[batchMax:]
	}
	t.lookupSome(keys, indexes)
}

// lookupSome looks up at most batchMax keys in three passes.
func (t *Table) lookupSome(keys []Key, indexes []uint32) {
	s, x := &t.scratch, &t.index
	var touched uint32
	for i := range keys {
		hash := t.key.key(&keys[i])
		s.hashes[i&(batchMax-1)] = hash
		s.homes[i&(batchMax-1)] = x.home(hash)
	}
	for _, home := range s.homes[:len(keys)] {
		touched += x.buckets[home].passed
	}
	for i := range indexes {
		b := &x.buckets[s.homes[i&(batchMax-1)]]
		candidate := None
		if found := b.match(tagOf(s.hashes[i&(batchMax-1)])); found != 0 {
			candidate = b.indices[found.next()]
		} else if b.passed != 0 {
			candidate = t.LookupHashed(&keys[i], s.hashes[i&(batchMax-1)])
		}
		indexes[i] = candidate
	}
	for _, candidate := range indexes {
		if candidate != None {
			touched += t.entries[candidate].Generation
		}
	}
	s.touched = touched
	for i, candidate := range indexes {
		if candidate != None && !t.entries[candidate].matches(&keys[i]) {
			indexes[i] = t.LookupHashed(&keys[i], s.hashes[i&(batchMax-1)])
		}
	}
}
