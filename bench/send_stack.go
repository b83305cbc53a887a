package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"myriad/bench/internal/farend"
	"myriad/bench/internal/load"
	"myriad/bench/internal/report"
	"myriad/bench/internal/send"
	"myriad/bench/internal/wire"
	"myriad/tcpclient"
)

const (
	// stackMethod is Myriad's whole stack, whose SYNs are counted.
	stackMethod = "myriad"
	// synBytes is the length of its SYN, with the check sequence.
	synBytes = 70
	// stackWindow is the most connections that wait for an answer.
	stackWindow = 1 << 20
	// stackPatience bounds the wait for SYNs beyond the run's length.
	stackPatience = 20 * time.Second
)

// stackRow measures the SYNs that Myriad sends to a far end that answers none,
// each a connection with all of its state.
func (o *sendOptions) stackRow(ctx context.Context, row *sendRow) (err error) {
	world, err := wire.New(wire.Config{Queues: row.Queues, Silent: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	timed, cancel := context.WithCancel(ctx)
	defer cancel()
	seen := make(chan synCount, 1)
	go func() { seen <- countSYNs(timed, world.FarEnd, o.duration, cancel) }()
	job := connectJob{destinations: row.Destinations}
	result, err := load.Run(timed, load.Config{
		Targets: job.targets(), Port: wire.Port, Window: stackWindow, Enter: world.Enter,
		// Nothing is waited for longer than the run lasts.
		Client: tcpclient.Config{
			Interfaces: []tcpclient.Interface{{
				Name: wire.Interface, Backend: "afxdp", GatewayMAC: world.Gateway, Queues: row.Queues,
				Sources: []netip.Prefix{wire.Sources},
			}},
			Batch: row.Batch, ConnectionsMax: stackWindow, Timeout: o.duration,
		},
	})
	cancel()
	count := <-seen
	if err = errors.Join(err, count.err); err != nil {
		return err
	}
	row.Counted, row.Sent, row.Arrived = true, count.frames, count.frames
	row.Seconds = count.took.Seconds()
	row.UserSeconds, row.SystemSeconds = result.Process.User.Seconds(), result.Process.System.Seconds()
	row.MachineSeconds = (result.Machine.User + result.Machine.System).Seconds()
	row.Interfaces = 1
	row.CPU(result.Machine, result.Process, row.Queues)
	row.rate(count.frames)
	return nil
}

// synCount is what arrived within a time.
type synCount struct {
	frames uint64
	took   time.Duration
	err    error
}

// countSYNs counts from the first SYN on, for a time or until ctx ends, and
// calls done then.
func countSYNs(ctx context.Context, far *farend.FarEnd, during time.Duration, done func()) (c synCount) {
	defer done()
	var first farend.Counters
	var began time.Time
	started := time.Now()
	for {
		now, err := far.Counters()
		at := time.Now()
		switch {
		case err != nil:
			c.err = err
			return c
		case now.SYN == 0:
		case began.IsZero():
			began, first = at, now
		default:
			c.frames, c.took = now.SYN-first.SYN, at.Sub(began)
		}
		switch {
		case ctx.Err() != nil, c.took >= during && c.frames > 0:
			return c
		case at.Sub(started) > during+stackPatience:
			c.err = fmt.Errorf("send: the far end counted %d SYNs in %v", now.SYN, at.Sub(started).Round(time.Second))
			return c
		}
		time.Sleep(time.Millisecond)
	}
}

// sharedWith reports whether two rows have one floor.
func (r *sendRow) sharedWith(other *sendRow) bool {
	return r.Table == "stack" && other.Table == r.Table && other.Queues == r.Queues && other.Destinations == r.Destinations
}

// stackShares says what Myriad's SYNs are of the bare AF_XDP sender's frames of
// the same length at its best batch, on as many queues, to the same
// destinations.
func stackShares(rows []sendRow) {
	for k := range rows {
		r := &rows[k]
		if r.Method != stackMethod {
			continue
		}
		var best float64
		for i := range rows {
			floor := &rows[i]
			if floor.Method == send.DeviceMethod && floor.sharedWith(r) {
				best = max(best, floor.perSecond())
			}
		}
		if best > 0 {
			r.ShareOfFloor = report.Some(r.perSecond() / best)
		}
	}
}
