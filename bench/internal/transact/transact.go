package transact

import (
	"time"

	"myriad/bench/internal/report"
)

// Clients.
const (
	Myriad = "myriad" // Handler; over TLS net.Conn
	Kernel = "kernel" // epoll in C; over TLS Go's net
)

// RequestBytes is the length of every request.
const RequestBytes = 64

// Limits of a Case.
const (
	ConnectionsMax = 20_000
	ReplyMax       = 64 << 10
)

// Case is one measurement.
type Case struct {
	Client      string
	TLS         bool
	Connections int
	ReplyBytes  int
	Duration    time.Duration
}

// Result is what came of a Case. The JSON keys are fixed.
type Result struct {
	Client             string  `json:"client"`
	TLS                bool    `json:"tls"`
	Connections        int     `json:"connections"`
	RequestBytes       int     `json:"request_bytes"`
	ReplyBytes         int     `json:"reply_bytes"`
	Seconds            float64 `json:"seconds"`
	Exchanges          uint64  `json:"exchanges"`
	ExchangesPerSecond float64 `json:"exchanges_per_second"`
	P50Microseconds    float64 `json:"p50_microseconds"`
	P99Microseconds    float64 `json:"p99_microseconds"`
	Failed             uint64  `json:"failed"` // connections that ended, or exchanges that went wrong
	RatioToKernel      float64 `json:"ratio_to_kernel,omitempty"`
	Round              int     `json:"round"`
	// DroppedByDevice are frames that Myriad's device had no room for, handshakes
	// included; they were sent again.
	DroppedByDevice uint64 `json:"dropped_by_device,omitempty"`

	Queues int `json:"queues"`
	// Those of all rows, while it was counted. Client and server are on the same
	// cores, all there are.
	report.Common
}

// judge says what makes the figures doubtful.
func (r *Result) judge() {
	if r.Failed > 0 {
		r.Disturb("failed: %d", r.Failed)
	}
	if r.DroppedByDevice > 0 {
		r.Disturb("%d frames came while no receive frame was free, and were sent again", r.DroppedByDevice)
	}
	if r.Exchanges == 0 {
		r.Disturb("no exchange ended in time")
	}
}

func (c *Case) result() Result {
	r := Result{Client: c.Client, TLS: c.TLS, Connections: c.Connections, RequestBytes: RequestBytes, ReplyBytes: c.ReplyBytes, Queues: 1}
	r.Interfaces, r.Destinations = 1, "one"
	return r
}

// fill takes over what was counted.
func (r *Result) fill(h *histogram, took time.Duration) {
	r.Seconds, r.Exchanges = took.Seconds(), h.total
	r.ExchangesPerSecond = float64(h.total) / r.Seconds
	r.P50Microseconds, r.P99Microseconds = h.quantile(0.5)/1e3, h.quantile(0.99)/1e3
}
