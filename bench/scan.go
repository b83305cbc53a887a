package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"myriad/bench/internal/farend"
	"myriad/bench/internal/report"
	"myriad/bench/internal/send"
	"myriad/bench/internal/usage"
	"myriad/bench/internal/wire"
)

// scanOptions are scan's flags.
type scanOptions struct {
	rounds, queues, batch int
	duration              time.Duration
	asJSON                bool
}

// scanRow is one round: the bare sending, and the scanner, one after the other.
type scanRow struct {
	Round           int     `json:"round"`
	Queues          int     `json:"queues"`
	SendPerSecond   float64 `json:"send_frames_per_second"`   // bench send, 64 bytes, unique
	SilentPerSecond float64 `json:"scan_silent_per_second"`   // SYNs, of 70 bytes, that nobody answers
	AnswerPerSecond float64 `json:"scan_answered_per_second"` // SYNs that are all answered, and the RST for each
	Share           float64 `json:"silent_share_of_send"`     // of the first
	SendCPU         float64 `json:"send_cpu_ns"`              // processor time of a frame, user and system
	ScanCPU         float64 `json:"scan_silent_cpu_ns"`       // of a SYN
	// Those of all rows are of the scan that nobody answers.
	report.Common
}

const scanHelp = `usage: go run ./bench scan [flags]

Builds examples/scan and measures, in turn on the same wire, how many frames a
second "bench send" has arrive over AF_XDP, and how many SYNs the scanner: at a far
end that answers none, and at one that answers each. Needs root.

`

func parseScan(args []string, stdout io.Writer) (o scanOptions, err error) {
	f := flag.NewFlagSet("scan", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.IntVar(&o.rounds, "rounds", 3, "`number` of rounds")
	f.IntVar(&o.queues, "queues", queuesDefault, "`number` of queues, each with a worker")
	f.IntVar(&o.batch, "batch", batchDefault, "`frames` in one call")
	f.DurationVar(&o.duration, "duration", time.Second, "how long each of a round's parts sends")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	if err := parseFlags(f, args, stdout, scanHelp); err != nil {
		return o, err
	}
	if o.rounds < 1 || o.queues < 1 || o.batch < 1 || o.batch > send.BatchMax || o.duration <= 0 {
		return o, usageErrorf("scan: -rounds %d, -queues %d, -batch %d and -duration %v must be above 0, and -batch at most %d", o.rounds, o.queues, o.batch, o.duration, send.BatchMax)
	}
	return o, nil
}

// scanCommand is `bench scan`.
func scanCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parseScan(args, stdout)
	if err != nil {
		return err
	}
	return printRows(ctx, o.asJSON, stdout, stderr, o.runAll, asPart(scanPart))
}

// runAll does the rounds, and hands each over as soon as it is there.
func (o *scanOptions) runAll(ctx context.Context, each func(r *scanRow) error) (rows []scanRow, err error) {
	if err := needRoot(); err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	dir, binary, err := buildExample(ctx, "scan")
	if ctx.Err() != nil {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for round := range o.rounds {
		row := scanRow{Round: round + 1, Queues: o.queues}
		err := o.round(ctx, binary, &row)
		if ctx.Err() != nil {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
		if err := each(&row); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// round measures the three.
func (o *scanOptions) round(ctx context.Context, binary string, row *scanRow) error {
	bare := sendRow{Method: send.DeviceMethod, Queues: o.queues, Batch: o.batch}.to("unique", send.FrameMin)
	sending := sendOptions{duration: o.duration}
	if err := sending.run(ctx, &bare); err != nil {
		return err
	}
	row.SendPerSecond, row.SendCPU = bare.perSecond(), bare.cpuNanoseconds()
	silent, err := o.scan(ctx, binary, true)
	if err != nil {
		return err
	}
	answered, err := o.scan(ctx, binary, false)
	if err != nil {
		return err
	}
	row.columns(&silent)
	row.AnswerPerSecond = perSecond(answered.syns, answered.took)
	row.Share = row.SilentPerSecond / row.SendPerSecond
	for _, why := range bare.Disturbed {
		row.Disturb("send: %s", why)
	}
	for _, why := range answered.disturbed(o.queues) {
		row.Disturb("all answered: %s", why)
	}
	return nil
}

// scanned is what the scanner did in a time.
type scanned struct {
	syns    uint64
	took    time.Duration
	traffic report.Traffic
	used    usage.CPU
	machine usage.Whole
}

// columns takes over what the scanner did.
func (r *scanRow) columns(s *scanned) {
	r.SilentPerSecond = perSecond(s.syns, s.took)
	r.ScanCPU = float64((s.used.User + s.used.System).Nanoseconds()) / float64(max(s.syns, 1))
	r.Interfaces, r.Destinations = 1, "unique"
	r.Rates(s.traffic, 0, s.took)
	r.CPU(s.machine, s.used, r.Queues)
}

// disturbed is what took processors from it.
func (s *scanned) disturbed(queues int) []string {
	var c report.Common
	c.CPU(s.machine, s.used, queues)
	return c.Disturbed
}

// scan runs the scanner as a user would, and ends it after a while. The rate is
// the far end's, from the first SYNs on: starting and ending are no part of it.
func (o *scanOptions) scan(ctx context.Context, binary string, silent bool) (s scanned, err error) {
	world, err := wire.New(wire.Config{Queues: o.queues, Silent: silent})
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	cmd := exec.Command(binary, "-interface", wire.Interface, "-source", wire.Sources.String(), "-gateway-mac", world.Gateway.String(),
		"-allow", wire.Targets.String(), "-ports", "*", "-rate", "0", "-retries", "0", "-timeout", "1s", "-canary=false", "-per-address-rate", "0", "-per-prefix-rate", "0", "-batch", fmt.Sprint(o.batch),
		"-out", os.DevNull, "-q", wire.Targets.String())
	var notes bytes.Buffer
	cmd.Stderr = &notes
	if err := world.Start(cmd); err != nil {
		return s, err
	}
	s, watching := o.watch(ctx, world.FarEnd, cmd.Process.Pid)
	err = cmd.Process.Signal(os.Interrupt)
	if wait := cmd.Wait(); wait != nil && cmd.ProcessState.ExitCode() != scanInterrupted {
		err = errors.Join(err, fmt.Errorf("scan: %w: %s", wait, notes.String()))
	}
	return s, errors.Join(err, watching)
}

// scanInterrupted is the scanner's exit code when a signal ends it.
const scanInterrupted = 3

// watch reads what the far end, the scanner and the processors have done when SYNs
// have begun to come, and again when the time is over.
func (o *scanOptions) watch(ctx context.Context, far *farend.FarEnd, pid int) (s scanned, err error) {
	const startWithin, warm = 20 * time.Second, 100 * time.Millisecond
	counters := func() farend.Counters {
		c, again := far.Counters()
		err = errors.Join(err, again)
		return c
	}
	for began := time.Now(); counters().SYN == 0; time.Sleep(time.Millisecond) {
		if time.Since(began) > startWithin || err != nil || ctx.Err() != nil {
			return s, errors.Join(err, ctx.Err(), errors.New("scan: no SYN came"))
		}
	}
	time.Sleep(warm)
	before, again := usage.Of(pid)
	machine, first, at := usage.Machine(), counters(), time.Now()
	time.Sleep(o.duration)
	last, took := counters(), time.Since(at)
	s.machine = usage.Machine().Since(machine)
	after, later := usage.Of(pid)
	s.syns, s.took, s.used = last.SYN-first.SYN, took, after.Since(before)
	s.traffic = report.TrafficOf(&last).Since(report.TrafficOf(&first))
	return s, errors.Join(err, again, later)
}
