package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"time"

	"myriad/bench/internal/farend"
	"myriad/bench/internal/hold"
	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
	"myriad/bench/internal/wire"
	"myriad/internal/testbed"
	"myriad/tcpclient"
)

// What holding to one address and port works with: 160 addresses are enough
// for ten million.
const (
	holdSources = 160
	holdPortMin = 1024
	holdPorts   = 1<<16 - holdPortMin
	holdOneMax  = holdSources * holdPorts

	// fillBeyond is how many connections more than there are ports are asked
	// for, so that Open has to refuse.
	fillBeyond = 64
)

// holdRow is one run. Keys that report.Row has too mean the same.
type holdRow struct {
	Method               string            `json:"method"` // hold-unique, hold-one, hold-fill
	Queues               int               `json:"queues"`
	Batch                int               `json:"batch"`
	Seconds              float64           `json:"seconds"` // until all were open
	ConnectionsPerSecond float64           `json:"connections_per_second"`
	Connections          int               `json:"connections"` // asked for
	Opened               uint64            `json:"opened"`
	Held                 uint64            `json:"held"`
	Failed               uint64            `json:"failed"`
	FramesSent           uint64            `json:"frames_sent"`
	FramesReceived       uint64            `json:"frames_received"`
	Retransmitted        uint64            `json:"retransmitted"`
	Dropped              uint64            `json:"dropped"`
	UserSeconds          float64           `json:"user_seconds"`
	SystemSeconds        float64           `json:"system_seconds"`
	BytesPerConnection   float64           `json:"bytes_per_connection"`      // rss_bytes / held
	UsedPerConnection    float64           `json:"bytes_per_connection_used"` // the same after the exchanges
	RSSBytes             uint64            `json:"rss_bytes"`
	AddedPerConnection   float64           `json:"added_bytes_per_connection"` // beyond what the process had before
	PauseMaxSeconds      float64           `json:"gc_pause_max_seconds"`
	PauseForcedSeconds   float64           `json:"gc_pause_forced_seconds"` // of a run that is forced while all are held
	CollectorShare       float64           `json:"gc_cpu_share"`            // of the processor time while filling and exchanging
	CollectorCycles      uint64            `json:"gc_cycles"`
	PacketNanoseconds    float64           `json:"cpu_ns_per_packet"`  // of the exchanges: user and system
	PacketUser           float64           `json:"user_ns_per_packet"` // user alone: our code
	Tuples               uint64            `json:"tuples"`             // that there are for the asked-for peer
	Full                 bool              `json:"err_full"`
	OpenNanoseconds      map[string]int64  `json:"open_nanoseconds"` // by the share that was taken, "50%" upwards
	Exchanges            uint64            `json:"exchanges"`
	ExchangesPerSecond   float64           `json:"exchanges_per_second"`
	ExchangesMissing     uint64            `json:"exchanges_missing"`
	ExchangesWrong       uint64            `json:"exchanges_wrong"`
	Backend              string            `json:"backend"`
	FailedBy             map[string]uint64 `json:"failed_by"`
	DroppedBy            map[string]uint64 `json:"dropped_by"`
	FarEnd               *farend.Counters  `json:"far_end"`
	// LostToFarEnd, and those of all rows, are of the opening.
	LostToFarEnd uint64 `json:"lost_to_far_end,omitempty"`
	report.Common
}

// holdCommand is `bench hold`.
func holdCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseHold(args, stdout)
	if err != nil {
		return err
	}
	return printRows(ctx, o.asJSON, stdout, stderr, o.runAll, asPart(holdPart))
}

// holdJob is one run to be done.
type holdJob struct {
	method      string
	connections int
	sources     []netip.Prefix
	targets     netip.Prefix
	tuples      uint64
}

// jobs are the runs, smaller ones first: what a run leaves in the process's
// memory counts in the next.
func (o *holdOptions) jobs() (jobs []holdJob) {
	one := netip.PrefixFrom(wire.Targets.Addr().Next(), 32)
	some := []netip.Prefix{netip.MustParsePrefix("10.83.0.0/25"), netip.MustParsePrefix("10.83.0.128/27")}
	if o.targets == "fill" || o.targets == "all" {
		single := []netip.Prefix{netip.PrefixFrom(wire.Sources.Addr().Next(), 32)}
		jobs = append(jobs, holdJob{"hold-fill", holdPorts + fillBeyond, single, one, holdPorts})
	}
	for _, n := range o.connections {
		if o.targets == "unique" || o.targets == "all" {
			jobs = append(jobs, holdJob{"hold-unique", n, []netip.Prefix{wire.Sources}, wire.Targets, 256 * 65536 * holdPorts})
		}
		if o.targets == "one" || o.targets == "all" {
			jobs = append(jobs, holdJob{"hold-one", n, some, one, holdOneMax})
		}
	}
	return jobs
}

func (o *holdOptions) runAll(ctx context.Context, each func(r *holdRow) error) (rows []holdRow, err error) {
	if err := needRoot(); err != nil {
		return nil, fmt.Errorf("hold: %w", err)
	}
	for _, job := range o.jobs() {
		if ctx.Err() != nil {
			break
		}
		row, err := o.run(ctx, job)
		if err != nil {
			return rows, fmt.Errorf("hold: %s connections: %w", short(job.connections), err)
		}
		rows = append(rows, row)
		if err := each(&row); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// run does one run in a world of its own.
func (o *holdOptions) run(ctx context.Context, job holdJob) (row holdRow, err error) {
	world, err := wire.New(wire.Config{Queues: o.queues, Reply: payload("HTTP/1.1 200 OK\r\n", o.reply)})
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	exchanges := o.exchanges
	if job.method == "hold-fill" {
		exchanges = 0
	}
	var opening wire.Arrivals
	result, err := hold.Run(ctx, hold.Config{
		Filled: func(frames uint64) (err error) { opening, err = world.Settle(frames); return err },
		Client: tcpclient.Config{
			Interfaces: []tcpclient.Interface{{
				Name: wire.Interface, Backend: "afxdp", Sources: job.sources,
				GatewayMAC: world.Gateway, Queues: o.queues,
			}},
			Batch: o.batch, PortMin: holdPortMin,
			ConnectionsMax: max(connectionsMin, job.connections),
			// There is no goroutine beside the workers to have a P for.
			KeepGOMAXPROCS: true,
		},
		Targets: job.targets, Port: wire.Port,
		Connections: job.connections, Window: o.window,
		Exchanges: exchanges, Request: payload("GET / HTTP/1.1\r\n", o.request), ReplyBytes: o.reply,
		Timeout: o.timeout, Enter: world.Enter,
	})
	if err != nil {
		return row, err
	}
	row = holdRow{
		Method: job.method, Batch: o.batch, Connections: job.connections, Tuples: job.tuples,
		ExchangesMissing: uint64(exchanges) - min(uint64(exchanges), result.Exchanged),
	}
	row.fill(&result)
	row.columns(&result, &opening, job.destinations())
	row.FarEnd = new(farend.Counters)
	*row.FarEnd, err = world.FarEnd.Counters()
	return row, err
}

// destinations are one address and port, or unique ones.
func (j *holdJob) destinations() string {
	if j.targets.IsSingleIP() {
		return "one"
	}
	return "unique"
}

// columns are those that all rows have.
func (r *holdRow) columns(m *hold.Result, opening *wire.Arrivals, destinations string) {
	r.Interfaces, r.Destinations, r.LostToFarEnd = 1, destinations, opening.LostToFarEnd
	r.CPU(m.Machine, m.Process, r.Queues)
	r.Rates(report.TrafficOf(&opening.Counters), r.Held, m.Filling)
	r.DisturbCounted("failed:", r.FailedBy)
	r.DisturbCounted("dropped:", r.DroppedBy)
	for _, c := range []struct {
		what  string
		count uint64
	}{
		{"sent again", r.Retransmitted}, {"wrong replies", r.ExchangesWrong}, {"replies missing", r.ExchangesMissing},
		{"dropped by the far end", opening.Dropped()}, {"lost on the wire", opening.LostToFarEnd},
	} {
		if c.count > 0 {
			r.Disturb("%s: %s", c.what, page.Number(c.count))
		}
	}
}

// fill takes over what a run measured.
func (r *holdRow) fill(m *hold.Result) {
	r.Queues, r.Backend = m.Workers, m.Method
	r.Seconds = m.Filling.Seconds()
	r.ConnectionsPerSecond = perSecond(m.Held, m.Filling)
	r.Opened, r.Held, r.Full = m.Opened, m.Held, m.Full > 0
	r.FailedBy, r.Failed = m.FailedBy, total(m.FailedBy)
	r.DroppedBy, r.Dropped = m.Stats.Drops, total(m.Stats.Drops)
	r.FramesSent, r.FramesReceived = m.Stats.FramesSent, m.Stats.FramesReceived
	r.Retransmitted = m.Stats.Retransmitted
	r.UserSeconds, r.SystemSeconds = m.Process.User.Seconds(), m.Process.System.Seconds()
	r.RSSBytes, r.PauseMaxSeconds, r.PauseForcedSeconds = m.Resident, m.PauseMax.Seconds(), m.PauseForced.Seconds()
	if m.Held > 0 {
		r.BytesPerConnection = float64(m.Resident) / float64(m.Held)
		r.UsedPerConnection = float64(m.ResidentUsed) / float64(m.Held)
		r.AddedPerConnection = (float64(m.Resident) - float64(m.Before)) / float64(m.Held)
	}
	r.Exchanges, r.ExchangesWrong = m.Exchanged, m.Wrong
	r.ExchangesPerSecond = perSecond(m.Exchanged, m.Exchanging)
	r.CollectorCycles = m.Cycles
	if used := m.Process.User + m.Process.System + m.Check.User + m.Check.System; used > 0 {
		r.CollectorShare = m.Collector.Seconds() / used.Seconds()
	}
	if m.ExchangeFrames > 0 {
		r.PacketUser = float64(m.Check.User.Nanoseconds()) / float64(m.ExchangeFrames)
		r.PacketNanoseconds = r.PacketUser + float64(m.Check.System.Nanoseconds())/float64(m.ExchangeFrames)
	}
	r.OpenNanoseconds = make(map[string]int64)
	for _, s := range m.Stretches {
		if s.Opens > 0 {
			r.OpenNanoseconds[fmt.Sprintf("%d%%", s.UpTo)] = s.PerOpen().Nanoseconds()
		}
	}
}

// needCore refuses to begin without a processor for the far end alone.
func needCore(far string) error {
	if n := runtime.NumCPU(); n < 2 {
		return fmt.Errorf("the %s needs a processor of its own, and this process may use %d: give it two (see nproc, taskset)", far, n)
	}
	return nil
}

// needRoot refuses to begin what only root can do.
func needRoot() error {
	if !testbed.Privileged() {
		return errNotRoot
	}
	return nil
}

func perSecond(n uint64, took time.Duration) float64 {
	if took <= 0 {
		return 0
	}
	return float64(n) / took.Seconds()
}

func total(counts map[string]uint64) (sum uint64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}
