package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net"
	"net/netip"
	"time"

	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
	"myriad/bench/internal/send"
	"myriad/bench/internal/usage"
	"myriad/bench/internal/wire"
	"myriad/iobackend"
)

// sendRow is one run.
type sendRow struct {
	Table          string  `json:"table"` // rate, firewall, batch, stack
	Round          int     `json:"round"` // of the table stack; otherwise there is one
	Method         string  `json:"method"`
	Firewall       bool    `json:"firewall"` // nftables and connection tracking
	Queues         int     `json:"queues"`
	Batch          int     `json:"batch"`
	Seconds        float64 `json:"seconds"`
	Sent           uint64  `json:"sent"`
	Arrived        uint64  `json:"arrived"`
	Refused        uint64  `json:"refused"` // by the kernel, to us
	Lost           uint64  `json:"lost"`    // sent and not arrived
	Counted        bool    `json:"counted"` // at the far end; else arrived and lost are not known
	UserSeconds    float64 `json:"user_seconds"`
	SystemSeconds  float64 `json:"system_seconds"`
	MachineSeconds float64 `json:"machine_seconds"`
	// Frames a second are those that arrived, or, where nobody counted, that
	// were sent.
	ShareOfFloor *float64 `json:"share_of_floor,omitempty"` // in the table stack: of the bare AF_XDP sender's best
	report.Common
}

// to is the row with that destination and size.
func (r sendRow) to(destinations string, size int) sendRow {
	r.Destinations, r.FrameBytes = destinations, report.Some(float64(size))
	return r
}

// size is a frame's, with the check sequence.
func (r *sendRow) size() int { return int(*r.FrameBytes) }

// perSecond is what arrived in a second.
func (r *sendRow) perSecond() float64 {
	if r.FramesPerSecond == nil {
		return 0
	}
	return *r.FramesPerSecond
}

// sendCommand is `bench send`.
func sendCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseSend(args, stdout)
	if err != nil {
		return err
	}
	return printRows(ctx, o.asJSON, stdout, stderr, o.runAll, asPart(sendPart))
}

// jobs are the runs, without their results.
func (o *sendOptions) jobs() (jobs []sendRow) {
	for _, table := range o.tables {
		for _, queues := range o.queues {
			if table == "stack" {
				jobs = append(jobs, o.stackJobs(queues)...)
				continue
			}
			for _, m := range o.methods {
				job := sendRow{Table: table, Round: 1, Method: m, Queues: queues, Batch: o.batch}.to("unique", o.sizes[0])
				if !send.UsesBatch(m) {
					job.Batch = 1
				}
				jobs = append(jobs, o.variants(job)...)
			}
		}
	}
	return jobs
}

// stackJobs have Myriad and the bare senders take turns, by batch, and that in
// rounds.
func (o *sendOptions) stackJobs(queues int) (jobs []sendRow) {
	for round := range o.rounds {
		for _, destinations := range []string{"one", "unique"} {
			for _, batch := range floorBatches {
				for _, method := range []string{send.DeviceMethod, stackMethod, send.LiveMethod, stackLive} {
					job := sendRow{Table: "stack", Round: round + 1, Method: method, Queues: queues, Batch: batch}
					jobs = append(jobs, job.to(destinations, synBytes))
				}
			}
		}
	}
	return jobs
}

// variants are the runs of one table, method and number of queues.
func (o *sendOptions) variants(job sendRow) (jobs []sendRow) {
	switch job.Table {
	case "rate":
		for _, destinations := range []string{"one", "unique"} {
			for _, size := range o.sizes {
				jobs = append(jobs, job.to(destinations, size))
			}
		}
	case "firewall":
		for _, destinations := range []string{"one", "unique"} {
			for _, firewall := range []bool{false, true} {
				job.Destinations, job.Firewall = destinations, firewall
				jobs = append(jobs, job)
			}
		}
	case "batch":
		if !send.UsesBatch(job.Method) {
			return nil
		}
		for _, batch := range o.batches {
			job.Batch = batch
			jobs = append(jobs, job)
		}
	}
	return jobs
}

func (o *sendOptions) runAll(ctx context.Context, each func(r *sendRow) error) (rows []sendRow, err error) {
	run := o.runHere
	if o.device == "" {
		run = o.run
		if err := needRoot(); err != nil {
			return nil, fmt.Errorf("send: %w", err)
		}
	}
	handOver := func(of []sendRow) error {
		stackShares(of)
		rows = append(rows, of...)
		for k := range of {
			if err := each(&of[k]); err != nil {
				return err
			}
		}
		return nil
	}
	var together []sendRow // of which one's figure is a share of another's
	for _, row := range o.jobs() {
		if ctx.Err() != nil {
			break
		}
		if len(together) > 0 && !together[0].sharedWith(&row) {
			if err := handOver(together); err != nil {
				return rows, err
			}
			together = nil
		}
		if err := run(ctx, &row); err != nil {
			return rows, errors.Join(err, handOver(together))
		}
		together = append(together, row)
	}
	return rows, handOver(together)
}

// run does one run in a world of its own.
func (o *sendOptions) run(ctx context.Context, row *sendRow) (err error) {
	if stackBackends[row.Method] != "" {
		return o.stackRow(ctx, row)
	}
	byKernel := !send.ByDevice(row.Method)
	world, err := wire.New(wire.Config{Queues: row.Queues, Pass: byKernel, Kernel: byKernel})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	if row.Firewall {
		if err := world.Firewall(); err != nil {
			return err
		}
	}
	c := o.config(row)
	c.Gateway, c.Enter = world.Gateway, world.Enter
	c.Source, c.Targets = wire.Sources.Addr().Next(), wire.Targets
	err = world.Enter(func() (err error) {
		if c.Interface, err = net.InterfaceByName(wire.Interface); err != nil || byKernel {
			return err
		}
		c.Device, err = openSender(deviceConfig(wire.Interface, wire.Sources, row), row)
		return err
	})
	if err != nil {
		return err
	}
	if c.Device != nil {
		defer func() { err = errors.Join(err, world.Enter(c.Device.Close)) }()
	}
	result, err := send.Run(ctx, c)
	if err != nil {
		return err
	}
	far, err := world.Settle(result.Sent)
	row.fill(&result)
	row.count(far.Malformed)
	return err
}

// config is a run's, without its ends.
func (o *sendOptions) config(row *sendRow) send.Config {
	return send.Config{
		Method: row.Method, Unique: row.Destinations == "unique",
		FrameBytes: row.size(), Batch: row.Batch, Queues: row.Queues, Count: o.count, Duration: o.duration,
	}
}

// deviceConfig has room for two batches.
func deviceConfig(name string, addresses netip.Prefix, row *sendRow) iobackend.Config {
	return iobackend.Config{
		Interface: name, Addresses: []netip.Prefix{addresses}, Queues: row.Queues,
		ReceiveFrames: framesFor(row.Batch), SendFrames: framesFor(row.Batch),
	}
}

// runHere does one run on the interface that was named, where nobody counts
// what arrives.
func (o *sendOptions) runHere(ctx context.Context, row *sendRow) (err error) {
	c := o.config(row)
	c.Enter = func(f func() error) error { return f() }
	c.Source, c.Targets, c.Gateway = o.source, o.targets, o.gateway
	if send.ByDevice(row.Method) {
		if c.Device, err = openSender(deviceConfig(o.device, netip.PrefixFrom(o.source, 32), row), row); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.Device.Close()) }()
		c.Interface = &net.Interface{Name: o.device, HardwareAddr: c.Device.Info().HardwareAddr}
	} else if c.Interface, err = hostInterface(o.device); err != nil {
		return fmt.Errorf("send: -interface %q: %w", o.device, err)
	}
	result, err := send.Run(ctx, c)
	row.fill(&result)
	return err
}

// framesFor is a power of two that holds a batch twice.
func framesFor(batch int) int { return max(4096, 1<<bits.Len(uint(2*batch-1))) }

// fill takes over what a run measured.
func (r *sendRow) fill(m *send.Result) {
	r.Seconds = m.Elapsed.Seconds()
	r.Sent, r.Refused = m.Sent, m.Refused
	r.rate(m.Sent)
	r.used(m.Process, m.Machine)
	if r.Refused > 0 {
		r.Disturb("refused: %s", page.Number(r.Refused))
	}
}

// used takes over what the processors did meanwhile.
func (r *sendRow) used(process usage.CPU, machine usage.Whole) {
	r.UserSeconds, r.SystemSeconds = process.User.Seconds(), process.System.Seconds()
	r.MachineSeconds = (machine.User + machine.System).Seconds()
	r.Interfaces = 1
	r.CPU(machine, process, r.Queues)
}

// count takes over what the far end counted.
func (r *sendRow) count(arrived uint64) {
	r.Counted, r.Arrived, r.Lost = true, arrived, r.Sent-min(r.Sent, arrived)
	r.rate(min(arrived, r.Sent))
	if r.Lost > 0 {
		r.Disturb("lost: %s", page.Number(r.Lost))
	}
}

func (r *sendRow) rate(frames uint64) {
	wire := frames * uint64(r.size()+report.Onwire)
	r.Rates(report.Traffic{Out: frames, OutWire: wire}, 0, time.Duration(r.Seconds*float64(time.Second)))
}
