// Package latency keeps the distribution of delays in a fixed 3 KB: 16 buckets
// to each doubling, from 1 µs to 134 s, so that a value is told within 7 %.
// Delays beyond the ends count at the ends.
//
// Any number of goroutines may observe and read at the same time; observing is
// two atomic additions and allocates nothing.
package latency

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	perDoubling = 16
	doublings   = 27 // up to 2^27 µs
	buckets     = (doublings - 3) * perDoubling
)

// Histogram is the distribution of some delays. The zero value is empty.
type Histogram struct {
	count [buckets]atomic.Uint64
	sum   atomic.Int64 // ns
}

// Observe adds a delay.
func (h *Histogram) Observe(d time.Duration) {
	h.count[bucket(d)].Add(1)
	h.sum.Add(int64(d))
}

// bucket is the place of a delay: below 16 µs one to a microsecond, above 16 to
// a doubling.
func bucket(d time.Duration) int {
	us := uint64(max(d, 0) / time.Microsecond)
	if us < perDoubling {
		return int(us)
	}
	shift := bits.Len64(us) - 5 // leaves five bits, the highest set
	return min(shift*perDoubling+int(us>>shift), buckets-1)
}

// upper is the first delay above a bucket.
func upper(b int) time.Duration {
	if b < perDoubling {
		return time.Duration(b+1) * time.Microsecond
	}
	shift := b/perDoubling - 1
	return time.Duration(uint64(b%perDoubling+perDoubling+1)<<shift) * time.Microsecond
}

// Distribution is a copy of a histogram at one instant.
type Distribution struct {
	Count uint64
	Sum   time.Duration
	at    [buckets]uint64
}

// Distribution copies.
func (h *Histogram) Distribution() *Distribution {
	d := new(Distribution)
	d.Add(h)
	return d
}

// Add adds what a histogram has: goroutines that observe much have one each.
func (d *Distribution) Add(h *Histogram) {
	for k := range h.count {
		n := h.count[k].Load()
		d.at[k] += n
		d.Count += n
	}
	d.Sum += time.Duration(h.sum.Load())
}

// Quantile is a delay that the share q, 0 to 1, of all is not above; 0 without
// any.
func (d *Distribution) Quantile(q float64) time.Duration {
	rank := max(uint64(math.Ceil(q*float64(d.Count))), 1)
	for k, n := range d.at {
		if n >= rank {
			return upper(k)
		}
		rank -= n
	}
	return 0
}

// Below yields, for each bucket's upper bound up to the last that is used, how
// many delays are below it.
func (d *Distribution) Below(yield func(bound time.Duration, count uint64) bool) {
	total := uint64(0)
	for k, n := range d.at {
		if total == d.Count {
			return
		}
		total += n
		if n > 0 && !yield(upper(k), total) {
			return
		}
	}
}
