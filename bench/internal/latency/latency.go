package latency

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"myriad/bench/internal/report"
	"myriad/bench/internal/usage"
)

// ErrNotSupported: this system has no network namespaces or no AF_XDP.
var ErrNotSupported = errors.New("latency: needs Linux")

// ErrUnanswered: so many other programs had the processors that none of the
// requests by which the capacity is measured was answered.
var ErrUnanswered = errors.New("latency: no request was answered")

// Limits of a Case.
const (
	BatchMax       = 4096
	ConnectionsMax = 256
	// LoadMax is below 1: beyond the capacity the times measure how long it was
	// exceeded, and nothing else.
	LoadMax = 0.99
)

// IdleRate is the requests a second of the load 0.
const IdleRate = 200

// FrameBytes is the size of the requests' and replies' frames on a wire, with
// the check sequence.
const FrameBytes = 64

// Case is one worker, measured at some loads.
type Case struct {
	Batch int
	// Live has the device send batches by live frames.
	Live bool
	// Poll has the worker poll all the time instead of sleeping.
	Poll bool
	// Loads are parts of the capacity; 0 is IdleRate.
	Loads []float64
	// Duration of each load, and half of it for the capacity.
	Duration time.Duration
}

func (c *Case) validate() error {
	switch {
	case c.Batch < 1 || c.Batch > BatchMax:
		return fmt.Errorf("latency: Batch %d is not within 1 to %d", c.Batch, BatchMax)
	case c.Duration <= 0:
		return fmt.Errorf("latency: Duration %v is not above 0", c.Duration)
	}
	for _, load := range c.Loads {
		if !(load >= 0 && load <= LoadMax) || math.IsNaN(load) {
			return fmt.Errorf("latency: a load of %v is not within 0 to %v", load, LoadMax)
		}
	}
	return nil
}

// Times are quantiles in microseconds.
type Times struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Result is what came of one load. The JSON keys are fixed.
type Result struct {
	Batch            int     `json:"batch"`
	BusyPoll         bool    `json:"busy_poll"`
	Backend          string  `json:"backend"` // afxdp, live
	Load             float64 `json:"load"`    // of the capacity; 0: IdleRate requests a second
	Capacity         float64 `json:"capacity_per_second"`
	OfferedPerSecond float64 `json:"offered_per_second"`
	SentPerSecond    float64 `json:"sent_per_second"`
	Requests         uint64  `json:"requests"`
	Answered         uint64  `json:"answered"`
	Unanswered       uint64  `json:"unanswered"`
	SentAgain        uint64  `json:"sent_again"` // requests that the worker did not get

	FrameToFrame  Times   `json:"frame_to_frame_microseconds"` // far device to far device
	FromDue       Times   `json:"from_due_microseconds"`       // the same, the generator's delay included
	Own           Times   `json:"own_microseconds"`            // the worker's turn
	FramesPerTurn float64 `json:"frames_per_turn"`

	Queues       int     `json:"queues"`
	OthersShare  float64 `json:"others_share"` // of all processors, by other programs
	StealShare   float64 `json:"steal_share"`  // of all processors
	Coalescing   string  `json:"coalescing"`   // of interrupts
	MachineCores int     `json:"cores"`
	// Those of all rows: the client has the first core, its own time is the
	// worker's, and the far end has the second.
	report.Common
}

// judge says what makes the figures doubtful.
func (r *Result) judge() {
	if r.OfferedPerSecond > 0 && r.SentPerSecond < 0.98*r.OfferedPerSecond {
		r.Disturb("the far end sent only %.0f of %.0f a second", r.SentPerSecond, r.OfferedPerSecond)
	}
	if r.Unanswered > 0 {
		r.Disturb("%d unanswered", r.Unanswered)
	}
	if r.SentAgain > 0 {
		r.Disturb("%d requests were lost and sent again", r.SentAgain)
	}
	if r.OthersShare > 0.1 {
		r.Disturb("other programs had %.0f %% of all processors", 100*r.OthersShare)
	}
	if r.StealShare > 0.02 {
		r.Disturb("%.0f %% of all processors was stolen", 100*r.StealShare)
	}
	if late := r.FromDue.P99 - r.FrameToFrame.P99; late > max(100, r.FrameToFrame.P99) {
		r.Disturb("the far end itself was late by some %.0f µs", late)
	}
}

// The histograms reach from 1 ns to a minute, to three digits.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, int64(time.Minute), 3) }

func record(h *hdrhistogram.Histogram, took, count int64) {
	// What it refuses is longer than a minute, and shows as unanswered.
	_ = h.RecordValues(max(took, 1), count)
}

// times reads a histogram of nanoseconds.
func times(h *hdrhistogram.Histogram) Times {
	if h.TotalCount() == 0 {
		return Times{}
	}
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1e3 }
	return Times{P50: at(50), P99: at(99), P999: at(99.9), Max: float64(h.Max()) / 1e3}
}

// shares takes over what the processors did meanwhile, this process, and the
// worker. The worker has the first processor; the rest of the process, which is
// the far end and little more, the second where there is one.
func (r *Result) shares(machine usage.Whole, process, worker usage.CPU) {
	r.MachineCores = len(machine.Cores)
	all := usage.Sum(machine.Cores)
	r.StealShare = all.Share(all.Steal)
	r.OthersShare = max(0, all.Share(all.Busy()-process.User-process.System))
	r.Interfaces, r.Destinations = 1, "one"
	if r.MachineCores == 1 {
		r.CPUBesideProcess(machine, worker, process.Since(worker))
		return
	}
	r.CPU(machine, worker, 1)
	if r.MachineCores > 1 {
		r.FarEndCore(machine, 1)
	}
}
