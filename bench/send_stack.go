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
	"myriad/bench/internal/usage"
	"myriad/bench/internal/wire"
	"myriad/tcpclient"
)

const (
	// stackMethod and stackLive are Myriad's whole stack, whose SYNs are counted:
	// over AF_XDP, and with batches sent by live frames.
	stackMethod = "myriad"
	stackLive   = "myriad-live"
	// synBytes is the length of its SYN, with the check sequence.
	synBytes = 70
	// stackWindow is the most connections that wait for an answer, stackTimeout
	// how long each does: room for 13 million SYNs a second.
	stackWindow  = 1 << 17
	stackTimeout = 10 * time.Millisecond
	// stackWarm are the SYNs before those that count: by then the tables' memory
	// has been used once, and each SYN stands for a life, its end included.
	stackWarm = 2 * stackWindow
	// stackPatience bounds the wait for SYNs beyond the run's length.
	stackPatience = 20 * time.Second
)

// stackBackends are Myriad's backends by method; bare senders have none.
var stackBackends = map[string]string{stackMethod: "afxdp", stackLive: "live"}

// stackRow measures the SYNs that Myriad sends to a far end that answers none, each
// a connection with all of its state, from its opening to its end for want of an
// answer.
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
	_, err = load.Run(timed, load.Config{
		Targets: job.targets(), Port: wire.Port, Window: stackWindow, Enter: world.Enter,
		Client: tcpclient.Config{
			Interfaces: []tcpclient.Interface{{
				Name: wire.Interface, Backend: stackBackends[row.Method], GatewayMAC: world.Gateway, Queues: row.Queues,
				Sources: []netip.Prefix{wire.Sources},
			}},
			Batch: row.Batch, ConnectionsMax: stackWindow, Timeout: stackTimeout,
		},
	})
	cancel()
	count := <-seen
	if err = errors.Join(err, count.err); err != nil {
		return err
	}
	row.Counted, row.Sent, row.Arrived = true, count.frames, count.frames
	row.Seconds = count.took.Seconds()
	row.used(count.process, count.machine)
	row.rate(count.frames)
	return nil
}

// synCount is what arrived within a time, and what was used for it.
type synCount struct {
	frames  uint64
	took    time.Duration
	process usage.CPU
	machine usage.Whole
	err     error
}

// countSYNs counts for a time or until ctx ends, once the tables are warm, and calls
// done then.
func countSYNs(ctx context.Context, far *farend.FarEnd, during time.Duration, done func()) (c synCount) {
	defer done()
	var first farend.Counters
	var began time.Time
	var process usage.CPU
	var machine usage.Whole
	started := time.Now()
	for {
		now, err := far.Counters()
		at := time.Now()
		switch {
		case err != nil:
			c.err = err
			return c
		case now.SYN < stackWarm:
		case began.IsZero():
			began, first = at, now
			process, machine = usage.Process(), usage.Machine()
		default:
			c.frames, c.took = now.SYN-first.SYN, at.Sub(began)
		}
		switch {
		case ctx.Err() != nil, c.took >= during && c.frames > 0:
			c.process, c.machine = usage.Process().Since(process), usage.Machine().Since(machine)
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
	return r.Table == "stack" && other.Table == r.Table && other.Round == r.Round &&
		other.Queues == r.Queues && other.Destinations == r.Destinations
}

// stackShares says what the others of the table are of the bare AF_XDP sender's
// frames of the same length at its best batch, on as many queues, to the same
// destinations, in the same round.
func stackShares(rows []sendRow) {
	for k := range rows {
		r := &rows[k]
		if r.Table != "stack" || r.Method == send.DeviceMethod {
			continue
		}
		if floor := bestLike(rows, r, send.DeviceMethod); floor != nil && floor.perSecond() > 0 {
			r.ShareOfFloor = report.Some(r.perSecond() / floor.perSecond())
		}
	}
}

// bestLike is a method's row at its best batch, of those that have one floor with
// r; nil where there is none.
func bestLike(rows []sendRow, r *sendRow, method string) (best *sendRow) {
	for k := range rows {
		other := &rows[k]
		if other.Method == method && other.sharedWith(r) && (best == nil || other.perSecond() > best.perSecond()) {
			best = other
		}
	}
	return best
}
