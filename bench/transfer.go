package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"myriad/bench/internal/transfer"
	"myriad/internal/testbed"
)

const transferHelp = `usage: go run ./bench transfer [flags]

Moves bytes over one connection, for a time, and prints the throughput: down
from a kernel server and up to it, by Myriad and by the kernel's own client, over
a path that loses none, some or many of the data segments; then between two
Myriads over a simulated link in virtual time. Needs root, but for -simulated.

`

// transferOptions are transfer's flags.
type transferOptions struct {
	seconds    float64
	losses     []float64
	delay      time.Duration
	rounds     int
	simulated  bool
	asJSON     bool
	cpuProfile string
}

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
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "bench: interrupted; this is what was measured until then")
	}
	if o.asJSON {
		for k := range rows {
			err = errors.Join(err, json.NewEncoder(stdout).Encode(&rows[k]))
		}
		return err
	}
	return errors.Join(err, transferTable(stdout, rows))
}

func parseTransfer(args []string, stdout io.Writer) (o transferOptions, err error) {
	f := flag.NewFlagSet("transfer", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Float64Var(&o.seconds, "seconds", 2, "how long each transfer is measured")
	losses := f.String("loss", "0,1,5", "`percent` of data segments that are lost, one measurement each")
	f.DurationVar(&o.delay, "delay", 0, "what a relay in the middle adds to the way of each frame, there and back each; 0 has the middle's kernel forward")
	f.IntVar(&o.rounds, "rounds", 1, "times that each is measured, the clients taking turns; the median counts")
	f.BoolVar(&o.simulated, "simulated", false, "only the simulated link")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	f.StringVar(&o.cpuProfile, "cpuprofile", "", "write a CPU profile of the runs to this `file`")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, transferHelp)
			f.SetOutput(stdout)
			f.PrintDefaults()
			return o, err
		}
		return o, usageErrorf("transfer: %w", err)
	}
	if f.NArg() > 0 {
		return o, usageErrorf("transfer: unexpected argument %q", f.Arg(0))
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
	if o.delay < 0 || o.delay > time.Second {
		return o, usageErrorf("transfer: -delay %v is not within 0 to 1s", o.delay)
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
		for _, loss := range o.losses {
			for _, d := range []transfer.Direction{transfer.Download, transfer.Upload} {
				group, err := o.runGroup(ctx, d, loss)
				rows = append(rows, group...)
				if err != nil || ctx.Err() != nil {
					return rows, err
				}
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

// runGroup measures the clients side by side.
func (o *transferOptions) runGroup(ctx context.Context, d transfer.Direction, loss float64) ([]transfer.Result, error) {
	cases := []transfer.Case{{Client: transfer.Kernel}, {Client: transfer.Myriad}}
	if d == transfer.Upload {
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
			c.Direction, c.LossPercent, c.Seconds, c.Delay = d, loss, o.seconds, o.delay
			r, err := transfer.Run(ctx, c)
			if err != nil {
				return nil, err
			}
			runs[k] = append(runs[k], r)
		}
	}
	return transfer.Compare(runs), nil
}

// transferTable prints rows for people.
func transferTable(out io.Writer, rows []transfer.Result) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "path\tdirection\tloss %\tclient\tsender's control\tMbit/s\tto kernel\tto its bbr\tof link\tsent again\ttimeouts\t")
	share := func(f float64) string {
		if f == 0 {
			return "-"
		}
		return decimal(f)
	}
	for k := range rows {
		r := &rows[k]
		fmt.Fprintf(t, "%s\t%s\t%g\t%s\t%s\t%.1f\t%s\t%s\t%s\t%d\t%d\t\n", r.Path, r.Direction, r.LossPercent, r.Client,
			r.Congestion, r.MbitPerSecond, share(r.RatioToKernel), share(r.RatioToBBR), share(r.LinkShare), r.Retransmitted, r.Timeouts)
	}
	return t.Flush()
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }
