package permute

import (
	"fmt"
	"math/bits"
)

// CountMax is the largest domain.
const CountMax = 1 << 62

// rounds of the network; three make a pseudo-random permutation where the hash
// is a random function (Luby and Rackoff), one more for a hash that is not.
const rounds = 4

// Order is a permutation of the numbers from 0 to Count-1.
type Order struct {
	count   uint64
	lowBits uint   // the low part is below 1<<lowBits
	lowMask uint64 // of the low part
	high    uint64 // the high part is below it
	keys    [rounds]uint64
}

// New makes the permutation of the numbers below count, 1 to CountMax, that
// seed names.
func New(count, seed uint64) (o Order, err error) {
	if count < 1 || count > CountMax {
		return o, fmt.Errorf("permute: count %d is not within 1 to %d", count, uint64(CountMax))
	}
	o.count = count
	o.lowBits = uint(bits.Len64(count-1)+1) / 2
	o.lowMask = 1<<o.lowBits - 1
	o.high = (count + o.lowMask) >> o.lowBits
	for k := range o.keys {
		seed += 0x9e3779b97f4a7c15
		o.keys[k] = mix(seed)
	}
	return o, nil
}

// Count is the size of the domain.
func (o *Order) Count() uint64 { return o.count }

// At returns the number at a place of the order; both are below Count.
func (o *Order) At(place uint64) uint64 {
	x := place
	for {
		low, high := x&o.lowMask, x>>o.lowBits
		low = (low + hash(high, o.keys[0])) & o.lowMask
		high = o.raise(high, hash(low, o.keys[1]))
		low = (low + hash(high, o.keys[2])) & o.lowMask
		high = o.raise(high, hash(low, o.keys[3]))
		if x = high<<o.lowBits | low; x < o.count {
			return x
		}
	}
}

// Fill is At for the places first, first+step and so on, as many as numbers has
// room for: half of what At takes for each, where neighbours have their high part
// in common.
func (o *Order) Fill(numbers []uint64, first, step uint64) {
	lowBits, lowMask := o.lowBits&63, o.lowMask
	last, turn := ^uint64(0), uint64(0) // a high part, and the first round's hash of it
	place := first
	for k := range numbers {
		low, high := place&lowMask, place>>lowBits
		if high != last {
			last, turn = high, hash(high, o.keys[0])
		}
		low = (low + turn) & lowMask
		high = o.raise(high, hash(low, o.keys[1]))
		low = (low + hash(high, o.keys[2])) & lowMask
		high = o.raise(high, hash(low, o.keys[3]))
		x := high<<lowBits | low
		if x >= o.count {
			x = o.At(x)
		}
		numbers[k] = x
		place += step
	}
}

// Place returns where the order has a number: At's inverse.
func (o *Order) Place(number uint64) uint64 {
	x := number
	for {
		low, high := x&o.lowMask, x>>o.lowBits
		high = o.lower(high, hash(low, o.keys[3]))
		low = (low - hash(high, o.keys[2])) & o.lowMask
		high = o.lower(high, hash(low, o.keys[1]))
		low = (low - hash(high, o.keys[0])) & o.lowMask
		if x = high<<o.lowBits | low; x < o.count {
			return x
		}
	}
}

// raise adds a hash, brought below the high part's size, to a high part.
func (o *Order) raise(high, h uint64) uint64 {
	high += o.scale(h)
	if high >= o.high {
		high -= o.high
	}
	return high
}

// lower takes back raise.
func (o *Order) lower(high, h uint64) uint64 {
	high -= o.scale(h)
	if high >= o.high { // below zero
		high += o.high
	}
	return high
}

// scale brings a hash evenly below the high part's size, without a division.
func (o *Order) scale(h uint64) uint64 { return (h & 0xffffffff) * o.high >> 32 }

// hash is a keyed hash, all of whose lower 32 bits are good.
func hash(x, key uint64) uint64 {
	x = (x ^ key) * 0xd6e8feb86659fd93
	x ^= x >> 32
	return x * 0xd6e8feb86659fd93 >> 32
}

// mix spreads a seed over 64 bits (SplitMix64's finish).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
