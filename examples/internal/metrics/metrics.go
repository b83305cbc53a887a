// Package metrics shows a run to Prometheus: one collector that reads the
// program's account when it is asked, and an HTTP server for it.
//
// dashboard.json, beside this file, is a Grafana dashboard of the same names.
//
// # Names
//
// All begin with myriad_. Counters end with _total; seconds and bytes are the
// units. The label outcome has the words of package outcome, reason those of
// tcpclient.Reason, drop and name those of tcpclient.Stats.
//
// # Concurrency
//
// The account is asked for from the server's goroutines, one at a time.
package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"myriad/examples/internal/account"
)

// Info is what does not change during a run.
type Info struct {
	Program   string
	Interface string
	Backend   string
	Unit      string // what a target is, in the plural
	Rate      float64
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("myriad_"+name, help, labels, nil)
}

var (
	info        = desc("info", "The program and what it runs on; always 1.", "program", "interface", "backend", "unit", "go")
	rateLimit   = desc("rate_limit", "What -rate allows, a second; 0 is no limit.")
	done        = desc("targets_done_total", "Targets that have an outcome.")
	known       = desc("targets_known", "Targets known so far.")
	found       = desc("targets_found_total", "Targets with a result.")
	notLooked   = desc("targets_not_looked_total", "Targets that were not looked at: excluded, or our own failure.")
	outcomes    = desc("outcomes_total", "Targets by what became of them; the sum is myriad_targets_done_total.", "outcome")
	program     = desc("program_total", "The program's own counters.", "name")
	delays      = desc("latency_seconds", "Delays of answers.")
	boundLimit  = desc("politeness_limit", "What is promised to others.", "bound")
	boundPeak   = desc("politeness_peak", "The most that was seen of it.", "bound")
	opened      = desc("stack_connections_opened_total", "Connections asked for.")
	connected   = desc("stack_connections_established_total", "Handshakes completed.")
	closed      = desc("stack_connections_closed_total", "Connections ended in order.")
	reset       = desc("stack_connections_reset_total", "Connections that the program ended with RST.")
	open        = desc("stack_connections_open", "Connections open now.")
	failed      = desc("stack_connections_failed_total", "Connections that failed.", "reason")
	queries     = desc("stack_queries_total", "UDP queries asked for.")
	replies     = desc("stack_replies_total", "UDP queries answered.")
	queriesLost = desc("stack_queries_failed_total", "UDP queries that failed.")
	frames      = desc("stack_frames_total", "Frames.", "direction")
	bytes       = desc("stack_bytes_total", "Bytes of the frames.", "direction")
	again       = desc("stack_retransmitted_total", "Segments sent again.")
	drops       = desc("stack_drops_total", "Frames and segments dropped.", "drop")
	others      = desc("stack_counter_total", "The library's other counters.", "name")
)

// Collector reads an account whenever it is asked.
type Collector struct {
	info Info
	read func() account.Account
}

// NewCollector makes a collector.
func NewCollector(i Info, read func() account.Account) *Collector { return &Collector{i, read} }

// Describe implements prometheus.Collector; what there is depends on the run.
func (c *Collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	a := c.read()
	s := sink(out)
	s.gauge(info, 1, c.info.Program, c.info.Interface, c.info.Backend, c.info.Unit, runtime.Version())
	s.gauge(rateLimit, c.info.Rate)
	s.counter(done, float64(a.Done))
	s.gauge(known, float64(max(a.Known, a.Done)))
	s.counter(found, float64(a.Found))
	s.counter(notLooked, float64(a.NotLooked()))
	each(s, outcomes, a.Outcomes)
	each(s, program, a.Counters)
	for _, b := range a.Bounds {
		s.gauge(boundLimit, b.Limit, b.Name)
		s.gauge(boundPeak, b.Peak, b.Name)
	}
	if a.Latency != nil {
		s.latency(&a)
	}
	s.stack(&a)
}

type sink chan<- prometheus.Metric

func (s sink) counter(d *prometheus.Desc, v float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

func (s sink) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func each[V int64 | uint64](s sink, d *prometheus.Desc, counts map[string]V) {
	for label, n := range counts {
		s.counter(d, float64(n), label)
	}
}

// latencyBounds are the buckets shown, in doublings.
const firstBound, lastBound = 64 * time.Microsecond, 128 * time.Second

// latency shows the delays in a bucket for each doubling.
func (s sink) latency(a *account.Account) {
	d := a.Latency
	buckets := map[float64]uint64{}
	bound, below := firstBound, uint64(0)
	for upper, count := range d.Below {
		for ; upper > bound && bound <= lastBound; bound *= 2 {
			buckets[bound.Seconds()] = below
		}
		below = count
	}
	for ; bound <= lastBound; bound *= 2 {
		buckets[bound.Seconds()] = below
	}
	s <- prometheus.MustNewConstHistogram(delays, d.Count, d.Sum.Seconds(), buckets)
}

func (s sink) stack(a *account.Account) {
	t := &a.Stack
	s.counter(opened, float64(t.Opened))
	s.counter(connected, float64(t.Connected))
	s.counter(closed, float64(t.Closed))
	s.counter(reset, float64(t.Reset))
	s.gauge(open, float64(t.ConnectionsOpen))
	each(s, failed, t.FailedBy)
	s.counter(queries, float64(t.Queries))
	s.counter(replies, float64(t.Replies))
	s.counter(queriesLost, float64(t.QueriesFailed))
	s.counter(frames, float64(t.FramesSent), "sent")
	s.counter(frames, float64(t.FramesReceived), "received")
	s.counter(bytes, float64(t.BytesSent), "sent")
	s.counter(bytes, float64(t.BytesReceived), "received")
	s.counter(again, float64(t.Retransmitted))
	each(s, drops, t.Drops)
	each(s, others, t.Counters)
}
