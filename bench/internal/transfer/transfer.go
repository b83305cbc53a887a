package transfer

import (
	"context"
	"fmt"
	"time"

	"myriad/bench/internal/report"
	"myriad/bench/internal/usage"
)

// Direction of the data, seen from the client.
type Direction string

const (
	Download Direction = "download"
	Upload   Direction = "upload"
)

// Clients.
const (
	Myriad = "myriad"
	Kernel = "kernel"
)

// Case is one measurement over the world.
type Case struct {
	Client     string
	Direction  Direction
	Congestion string // of the sender: "cubic", "newreno", "bbr"; "" leaves the server's default
	LossPercent,
	Seconds float64
	Delay       time.Duration // of each frame, either way
	Connections int           // at once; 0 is one
}

// queues are the devices': one, and for many connections one for each processor,
// of two at most. A relay has one.
func (c *Case) queues() int {
	if c.Connections == 1 || c.Delay > 0 {
		return 1
	}
	return max(1, min(len(usage.Cores()), 2))
}

// ConnectionsMax bounds Case.Connections.
const ConnectionsMax = 4096

// Result is what came of a Case. The JSON keys are fixed.
type Result struct {
	Client      string    `json:"client"`
	Direction   Direction `json:"direction"`
	Congestion  string    `json:"congestion_control"` // of the sender
	Path        string    `json:"path"`
	Connections int       `json:"connections"`  // at once, together
	LossPercent float64   `json:"loss_percent"` // of data segments
	// DelayMilliseconds are what a relay adds to each frame's way, there and back
	// each.
	DelayMilliseconds float64 `json:"delay_milliseconds"`
	Seconds           float64 `json:"seconds"`
	Bytes             int64   `json:"bytes"`
	MbitPerSecond     float64 `json:"mbit_per_second"`
	RatioToKernel     float64 `json:"ratio_to_kernel,omitempty"`     // Myriad's, to the kernel's client with the same control
	RatioToBBR        float64 `json:"ratio_to_kernel_bbr,omitempty"` // of an upload, to the kernel's with BBR
	LinkShare         float64 `json:"link_share,omitempty"`          // of a simulated link's rate
	Retransmitted     uint64  `json:"retransmitted"`                 // segments, by the sender
	Recoveries        uint64  `json:"recoveries,omitempty"`          // Myriad's
	Timeouts          uint64  `json:"timeouts"`                      // of the sender
	LossProbes        uint64  `json:"loss_probes,omitempty"`         // Myriad's

	Queues int `json:"queues"`
	// Those of all rows, null for the simulated link. The client's own time is that
	// of the servers, too, which are in its process, on all cores.
	report.Common
}

// Run measures a Case.
func Run(ctx context.Context, c Case) (r Result, err error) {
	if c.Connections == 0 {
		c.Connections = 1
	}
	r = Result{
		Client: c.Client, Direction: c.Direction, Congestion: c.Congestion, LossPercent: c.LossPercent,
		Path: "veth, forwarded", Connections: c.Connections, Queues: c.queues(), DelayMilliseconds: 1e3 * c.Delay.Seconds(),
	}
	r.Interfaces, r.Destinations = 1, "one"
	if c.Connections < 1 || c.Connections > ConnectionsMax {
		return r, fmt.Errorf("transfer: Connections %d is not within 1 to %d", c.Connections, ConnectionsMax)
	}
	if c.Delay > 0 {
		r.Path = fmt.Sprintf("veth, %v there and back", 2*c.Delay)
	}
	w, err := newWorld(&c)
	if err != nil {
		return r, err
	}
	defer func() {
		if e := w.close(); err == nil {
			err = e
		}
	}()
	before, err := w.counters(c)
	if err != nil {
		return r, err
	}
	if r.Congestion == "" {
		if r.Congestion, err = w.defaultCongestion(); err != nil {
			return r, err
		}
	}
	run := w.runMyriad
	if c.Client == Kernel {
		run = w.runKernel
	}
	if err := run(ctx, c, &r); err != nil {
		return r, fmt.Errorf("transfer: %s %s: %w", c.Client, c.Direction, err)
	}
	r.MbitPerSecond = float64(r.Bytes) * 8 / 1e6 / r.Seconds
	if c.Client == Myriad && c.Direction == Upload {
		return r, nil
	}
	after, err := w.counters(c)
	r.Retransmitted, r.Timeouts = after["TcpRetransSegs"]-before["TcpRetransSegs"], after["TcpExtTCPTimeouts"]-before["TcpExtTCPTimeouts"]
	return r, err
}

// counters are those of the kernel that sends.
func (w *world) counters(c Case) (map[string]uint64, error) {
	if c.Direction == Download {
		return w.far.Counters()
	}
	return w.near.Counters()
}

// wait sleeps for the measurement's time, or less when it is interrupted.
func wait(ctx context.Context, seconds float64) {
	t := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
