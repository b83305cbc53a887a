package conntable

import (
	"math/bits"
	"unsafe"

	"myriad/internal/huge"
)

// slotsPerBucket is what a cache line holds: 12 tags of a byte, 12 indices of
// four, and the counter.
const slotsPerBucket = 12

// meanPerBucket is the number of connections per bucket of a full table. With
// 6 of 12 slots taken on average, 0.9 % of the buckets overflow (the tail of
// the Poisson distribution), for 10.7 bytes of index per connection.
const meanPerBucket = 6

// bucket is one cache line of the index. A slot's tag is a byte of its entry's
// hash, which is never 0; tag 0 is an empty slot. Eight tags are compared at a
// time.
type bucket struct {
	tagsLow  uint64 // of the slots 0 to 7
	tagsHigh uint32 // of the slots 8 to 11
	// passed counts the entries that found this bucket full on the way from
	// their home to where they lie. A look-up goes on to the next bucket only
	// while it is not 0, so removal leaves no tombstone and moves nothing.
	passed  uint32
	indices [slotsPerBucket]uint32
}

var _ [64]byte = [unsafe.Sizeof(bucket{})]byte{}

const (
	lowBits  = 0x0101010101010101 // the lowest bit of each byte
	highBits = 0x8080808080808080 // the highest
)

// candidates is a set of slots: slot s < 8 is bit 8·s, and slot s ≥ 8 is bit
// 8·(s-8) + 1.
type candidates uint64

// next returns a slot of a set that is not empty.
func (c candidates) next() uint32 {
	bit := uint32(bits.TrailingZeros64(uint64(c)))
	return (bit>>3 | bit&1<<3) & 15
}

// match returns the slots that have a tag. A slot beside one that has it may
// be in the set too (the subtraction borrows), but never as the next one.
func (b *bucket) match(tag uint8) candidates {
	low := b.tagsLow ^ uint64(tag)*lowBits
	high := b.tagsHigh ^ uint32(tag)*(lowBits&0xffffffff)
	low = (low - lowBits) &^ low & highBits
	high = (high - lowBits&0xffffffff) &^ high & (highBits & 0xffffffff)
	return candidates(low>>7 | uint64(high)>>6)
}

// low and high are where a byte's place among a bucket's tags lies, for a shift:
// one of them is beyond the word, which makes it 0. Which slot it is cannot be
// foretold, so there is no branch on it.
func low(slot uint32) uint32  { return slot * 8 }
func high(slot uint32) uint32 { return slot*8 - 64 }

// set fills a slot.
func (b *bucket) set(slot uint32, tag uint8, index uint32) {
	b.indices[slot] = index
	b.tagsLow |= uint64(tag) << low(slot)
	b.tagsHigh |= uint32(tag) << high(slot)
}

// clear empties a slot.
func (b *bucket) clear(slot uint32) {
	b.indices[slot] = 0
	b.tagsLow &^= 0xff << low(slot)
	b.tagsHigh &^= 0xff << high(slot)
}

// index maps hashes to entry indices.
type index struct {
	buckets []bucket
}

// newIndex makes an index over capacity entries.
func newIndex(capacity int) index {
	return index{buckets: huge.Make[bucket]((capacity + meanPerBucket - 1) / meanPerBucket)}
}

// home is the bucket where a hash's search starts, from its high bits.
func (x *index) home(hash uint64) uint32 { return share(hash, len(x.buckets)) }

// share spreads hashes evenly over n places, in the order of their high bits.
func share(hash uint64, n int) uint32 {
	high, _ := bits.Mul64(hash, uint64(n))
	return uint32(high)
}

// after is the bucket where a search goes on.
func (x *index) after(at uint32) uint32 {
	if at++; int(at) == len(x.buckets) {
		return 0
	}
	return at
}

// tagOf is a byte from the hash's low bits, and never 0, which means an empty
// slot, nor 1, for which match might take an empty slot for a full one.
func tagOf(hash uint64) uint8 {
	tag := uint8(hash)
	if tag < 2 {
		tag += 0x80
	}
	return tag
}

// add files an entry that is not in the index under a hash. There is always
// room, since there are more slots than entries.
func (x *index) add(hash uint64, index uint32) {
	for at := x.home(hash); ; at = x.after(at) {
		b := &x.buckets[at]
		if empty := b.match(0); empty != 0 {
			b.set(empty.next(), tagOf(hash), index)
			return
		}
		b.passed++
	}
}

// remove takes an entry out again; false when it is not there.
func (x *index) remove(hash uint64, index uint32) bool {
	home := x.home(hash)
	for at := home; ; {
		b := &x.buckets[at]
		for found := b.match(tagOf(hash)); found != 0; found &= found - 1 {
			slot := found.next()
			if b.indices[slot] == index {
				b.clear(slot)
				x.unpass(home, at)
				return true
			}
		}
		if b.passed == 0 {
			return false
		}
		if at = x.after(at); at == home {
			return false
		}
	}
}

// unpass takes back what add counted on the way from home to another bucket.
func (x *index) unpass(home, to uint32) {
	for ; home != to; home = x.after(home) {
		x.buckets[home].passed--
	}
}
