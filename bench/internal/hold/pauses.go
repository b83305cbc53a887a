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

// collector is what the garbage collector has used up to some instant.
type collector struct {
	seconds float64 // of processors, without what nobody else wanted
	cycles  uint64
}

// The collector's processor time is counted when a cycle ends.
const (
	collectorMetric     = "/cpu/classes/gc/total:cpu-seconds"
	collectorIdleMetric = "/cpu/classes/gc/mark/idle:cpu-seconds"
	cyclesMetric        = "/gc/cycles/total:gc-cycles"
)

func readCollector() (c collector) {
	samples := []metrics.Sample{{Name: collectorMetric}, {Name: collectorIdleMetric}, {Name: cyclesMetric}}
	metrics.Read(samples)
	if samples[0].Value.Kind() == metrics.KindFloat64 && samples[1].Value.Kind() == metrics.KindFloat64 {
		c.seconds = samples[0].Value.Float64() - samples[1].Value.Float64()
	}
	if samples[2].Value.Kind() == metrics.KindUint64 {
		c.cycles = samples[2].Value.Uint64()
	}
	return c
}

// addSince adds what was used after earlier.
func (r *Result) addSince(earlier collector) {
	now := readCollector()
	r.Collector += time.Duration((now.seconds - earlier.seconds) * float64(time.Second))
	r.Cycles += now.cycles - earlier.cycles
}
