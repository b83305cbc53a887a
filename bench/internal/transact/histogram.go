package transact

import (
	"math/bits"
	"time"
)

// steps of each power of two: a time is known to 3 %.
const steps = 32

// histogram counts times. The zero value is empty.
type histogram struct {
	counts [64 * steps]uint64
	total  uint64
}

func (h *histogram) record(took time.Duration) {
	ns := uint64(max(took, 0))
	bucket := ns
	if ns >= steps {
		power := bits.Len64(ns) - 5
		bucket = uint64(power)*steps + ns>>(power-1) - steps
	}
	h.counts[bucket]++
	h.total++
}

func (h *histogram) add(other *histogram) {
	for k, n := range other.counts {
		h.counts[k] += n
	}
	h.total += other.total
}

// quantile is the lower end of the bucket in which it lies, in nanoseconds.
func (h *histogram) quantile(q float64) float64 {
	rank, seen := uint64(q*float64(h.total)), uint64(0)
	for k, n := range h.counts {
		if seen += n; seen > rank {
			if k < steps {
				return float64(k)
			}
			return float64(uint64(k%steps+steps) << (k/steps - 1))
		}
	}
	return 0
}
