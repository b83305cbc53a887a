package conntable

import (
	"math/bits"
	"unsafe"
)

// slotsPerBucket is what a cache line holds beside the counter.
const slotsPerBucket = 15

// meanPerBucket is the number of connections per bucket of a full table. With
// 8 of 15 slots taken on average, 0.8 % of the buckets overflow (the tail of
// the Poisson distribution), for 8 bytes of index per connection.
const meanPerBucket = 8

// bucket is one cache line of the index. A slot is an entry's index below a
// tag of its hash, which is never 0; 0 is an empty slot.
type bucket struct {
	slots [slotsPerBucket]uint32
	// passed counts the entries that found this bucket full on the way from
	// their home to where they lie. A look-up goes on to the next bucket only
	// while it is not 0, so removal leaves no tombstone and moves nothing.
	passed uint32
}

var _ [64]byte = [unsafe.Sizeof(bucket{})]byte{}

// index maps hashes to entry indices.
type index struct {
	buckets []bucket
	mask    uint32 // of the entry's index in a slot
	width   uint8  // bits of mask
}

// newIndex makes an index over capacity entries.
func newIndex(capacity int) index {
	width := bits.Len(uint(capacity - 1))
	return index{
		buckets: make([]bucket, (capacity+meanPerBucket-1)/meanPerBucket),
		mask:    1<<width - 1,
		width:   uint8(width),
	}
}

// home is the bucket where a hash's search starts, from its high bits.
func (x *index) home(hash uint64) uint32 {
	high, _ := bits.Mul64(hash, uint64(len(x.buckets)))
	return uint32(high)
}

// after is the bucket where a search goes on.
func (x *index) after(at uint32) uint32 {
	if at++; int(at) == len(x.buckets) {
		return 0
	}
	return at
}

// tag is the part of a slot above the index, from the hash's low bits, and
// never 0.
func (x *index) tag(hash uint64) uint32 {
	tag := uint32(hash) &^ x.mask
	if tag == 0 {
		tag = x.mask + 1
	}
	return tag
}

// match returns a bit for each slot that has the tag.
func (b *bucket) match(tag uint32, width uint8) (found uint32) {
	for i, slot := range &b.slots {
		if (slot^tag)>>width == 0 {
			found |= 1 << i
		}
	}
	return found
}

// find returns the first slot with exactly this content.
func (b *bucket) find(content uint32) (int, bool) {
	for i, slot := range &b.slots {
		if slot == content {
			return i, true
		}
	}
	return 0, false
}

// add files an entry that is not in the index under a hash. There is always
// room, since there are more slots than entries.
func (x *index) add(hash uint64, index uint32) {
	for at := x.home(hash); ; at = x.after(at) {
		b := &x.buckets[at]
		if i, ok := b.find(0); ok {
			b.slots[i] = x.tag(hash) | index
			return
		}
		b.passed++
	}
}

// remove takes an entry out again; false when it is not there.
func (x *index) remove(hash uint64, index uint32) bool {
	content := x.tag(hash) | index
	home := x.home(hash)
	for at := home; ; at = x.after(at) {
		b := &x.buckets[at]
		if i, ok := b.find(content); ok {
			b.slots[i] = 0
			for ; home != at; home = x.after(home) {
				x.buckets[home].passed--
			}
			return true
		}
		if b.passed == 0 || x.after(at) == home {
			return false
		}
	}
}
