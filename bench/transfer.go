package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"myriad/bench/internal/transfer"
	"myriad/internal/testbed"
)

const transferHelp = `usage: go run ./bench transfer [flags]

Moves bytes over one connection, for a time, and prints the throughput: down
from a kernel server and up to it, by Myriad and by the kernel's own client, over
a path that loses none, some or many of the data segments, without a delay and
with one; over a thousand connections at once, without loss; then between two
Myriads over a simulated link in virtual time. Needs root, but for -simulated.

`

// transferOptions are transfer's flags.
type transferOptions struct {
	seconds     float64
	losses      []float64
	delays      []time.Duration
	connections []int // nil: one, and many without loss and delay
	rounds      int
	simulated   bool
	asJSON      bool
	cpuProfile  string
}

// transferMany is the number of connections of the last table.
const transferMany = 1000

// transferCommand is `bench transfer`.
func transferCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parseTransfer(args, stdout)
	if err != nil {
		return err
	}
	stop, err := profile(o.cpuProfile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	rows, err := o.runAll(ctx)
	noteInterruption(ctx, stderr)
	if o.asJSON {
		for k := range rows {
			err = errors.Join(err, json.NewEncoder(stdout).Encode(&rows[k]))
		}
		return err
	}
	if len(rows) == 0 {
		return err
	}
	return errors.Join(err, asPart(transferPart)(stdout, rows))
}

func parseTransfer(args []string, stdout io.Writer) (o transferOptions, err error) {
	f := flag.NewFlagSet("transfer", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Float64Var(&o.seconds, "seconds", 0.5, "how long each transfer is measured")
	losses := f.String("loss", "0,1,5", "`percent` of data segments that are lost, one measurement each")
	delays := f.String("delay", "0s,2ms", "`times` that a relay in the middle adds to the way of each frame, there and back each; 0s has the middle's kernel forward")
	connections := f.String("connections", "", "`numbers` of connections at once, for each loss and delay (default: 1, and 1K without either)")
	f.IntVar(&o.rounds, "rounds", 3, "times that each is measured, the clients taking turns; the median counts")
	f.BoolVar(&o.simulated, "simulated", false, "only the simulated link")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	f.StringVar(&o.cpuProfile, "cpuprofile", "", "write a CPU profile of the runs to this `file`")
	if err := parseFlags(f, args, stdout, transferHelp); err != nil {
		return o, err
	}
	for part := range strings.SplitSeq(*losses, ",") {
		v, err := strconv.ParseFloat(part, 64)
		if err != nil || v < 0 || v > 50 {
			return o, usageErrorf("transfer: -loss %q is not within 0 to 50", part)
		}
		o.losses = append(o.losses, v)
	}
	if !(o.seconds > 0 && o.seconds <= 600) {
		return o, usageErrorf("transfer: -seconds %v is not within 0 to 600", o.seconds)
	}
	for part := range strings.SplitSeq(*delays, ",") {
		d, err := time.ParseDuration(part)
		if err != nil || d < 0 || d > time.Second {
			return o, usageErrorf("transfer: -delay %q is not within 0s to 1s", part)
		}
		o.delays = append(o.delays, d)
	}
	if *connections != "" {
		if o.connections, err = counts(*connections); err != nil {
			return o, usageErrorf("transfer: -connections: %w", err)
		}
		if n := slices.Max(o.connections); n > transfer.ConnectionsMax {
			return o, usageErrorf("transfer: -connections %d is above %d", n, transfer.ConnectionsMax)
		}
	}
	if o.rounds < 1 || o.rounds > 100 {
		return o, usageErrorf("transfer: -rounds %d is not within 1 to 100", o.rounds)
	}
	return o, nil
}

// runAll measures everything, and the ratios.
func (o *transferOptions) runAll(ctx context.Context) (rows []transfer.Result, err error) {
	if !o.simulated {
		if !testbed.Privileged() {
			return nil, errors.New("transfer: making network namespaces and loading XDP programs needs root: run it as root, or -simulated")
		}
		for _, c := range o.cases() {
			group, err := o.runGroup(ctx, c)
			rows = append(rows, group...)
			if err != nil || ctx.Err() != nil {
				return rows, err
			}
		}
	}
	for _, d := range []transfer.Direction{transfer.Download, transfer.Upload} {
		for _, congestion := range []string{"cubic", "newreno"} {
			if ctx.Err() != nil {
				return rows, nil
			}
			r, err := transfer.Simulated(d, congestion)
			if err != nil {
				return rows, err
			}
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// cases are what each client does.
func (o *transferOptions) cases() (cases []transfer.Case) {
	add := func(c transfer.Case) {
		for _, c.Direction = range []transfer.Direction{transfer.Download, transfer.Upload} {
			c.Seconds = o.seconds
			cases = append(cases, c)
		}
	}
	connections := o.connections
	if connections == nil {
		connections = []int{1}
	}
	for _, delay := range o.delays {
		for _, loss := range o.losses {
			for _, n := range connections {
				add(transfer.Case{Delay: delay, LossPercent: loss, Connections: n})
			}
		}
	}
	if o.connections == nil && slices.Contains(o.delays, 0) && slices.Contains(o.losses, 0) {
		add(transfer.Case{Connections: transferMany})
	}
	return cases
}

// runGroup measures the clients side by side.
func (o *transferOptions) runGroup(ctx context.Context, job transfer.Case) ([]transfer.Result, error) {
	cases := []transfer.Case{{Client: transfer.Kernel}, {Client: transfer.Myriad}}
	if job.Direction == transfer.Upload {
		cases = []transfer.Case{
			{Client: transfer.Kernel, Congestion: "cubic"}, {Client: transfer.Kernel, Congestion: "bbr"},
			{Client: transfer.Myriad, Congestion: "cubic"},
		}
	}
	runs := make([][]transfer.Result, len(cases))
	for range o.rounds {
		for k, c := range cases {
			if c.Client == transfer.Kernel && c.Congestion != "" && !transfer.Available(c.Congestion) || ctx.Err() != nil {
				continue
			}
			run := job
			run.Client, run.Congestion = c.Client, c.Congestion
			r, err := transfer.Run(ctx, run)
			if err != nil {
				return nil, err
			}
			runs[k] = append(runs[k], r)
		}
	}
	return transfer.Compare(runs), nil
}
