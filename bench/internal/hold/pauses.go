package hold

import (
	"math"
	"runtime/metrics"
	"time"
)

const pauseMetric = "/sched/pauses/total/gc:seconds"

// pauses are the collector's pauses up to some instant.
type pauses struct {
	counts []uint64
}

func read() *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: pauseMetric}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return &metrics.Float64Histogram{}
	}
	return sample[0].Value.Float64Histogram()
}

func readPauses() pauses {
	return pauses{counts: append([]uint64(nil), read().Counts...)}
}

// longestSince bounds the longest pause since then from above.
func (p pauses) longestSince() time.Duration {
	h := read()
	for k := len(h.Counts) - 1; k >= 0; k-- {
		if k < len(p.counts) && h.Counts[k] > p.counts[k] {
			bound := h.Buckets[k+1]
			if math.IsInf(bound, 1) {
				bound = h.Buckets[k]
			}
			return time.Duration(bound * float64(time.Second))
		}
	}
	return 0
}
