package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"myriad/bench/internal/latency"
	"myriad/bench/internal/page"
	"myriad/iobackend"
)

const latencyHelp = `usage: go run ./bench latency [flags]

Sends requests of one minimum frame each on open connections, by the clock, from
the far end of a veth pair, and prints the time until the frame that answers is
back at the far device: by the worker's batch, by load (parts of what it can
answer, which is measured first), and with the worker polling or sleeping when
it has nothing to do. Needs root and two processors.

`

// latencyOptions are latency's flags.
type latencyOptions struct {
	batches  []int
	live     []int // those of batches that are sent by live frames, too
	loads    []float64
	polls    []string
	duration time.Duration
	asJSON   bool
}

func parseLatency(args []string, stdout io.Writer) (o latencyOptions, err error) {
	var batches, live, loads, polls string
	f := flag.NewFlagSet("latency", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&batches, "batches", "1,4,16,64,256,1024,4096", "`frames` moved in one turn at most")
	f.StringVar(&live, "live", "256", "`batches` that are measured with live frames, too, or none; smaller ones than 16 leave by AF_XDP anyway")
	f.StringVar(&loads, "loads", "idle,1,10,50,90", "`percent` of the capacity offered; idle is "+strconv.Itoa(latency.IdleRate)+" requests a second")
	f.StringVar(&polls, "polls", "no,yes", "whether the worker polls when it has nothing to do, or sleeps: no, yes or both")
	f.DurationVar(&o.duration, "duration", 300*time.Millisecond, "how long each load is offered")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	if err := parseFlags(f, args, stdout, latencyHelp); err != nil {
		return o, err
	}
	if o.batches, err = counts(batches); err != nil {
		return o, usageErrorf("latency: -batches: %w", err)
	}
	if live != "none" {
		if o.live, err = counts(live); err != nil {
			return o, usageErrorf("latency: -live: %w", err)
		}
	}
	if n := slices.Max(slices.Concat(o.batches, o.live)); n > latency.BatchMax {
		return o, usageErrorf("latency: -batches or -live %d is above %d", n, latency.BatchMax)
	}
	for part := range strings.SplitSeq(loads, ",") {
		percent, err := strconv.ParseFloat(part, 64)
		if part == "idle" {
			percent, err = 0, nil
		} else if err == nil && percent == 0 {
			err = errors.New("say idle")
		}
		if err != nil || !(percent >= 0 && percent <= 100*latency.LoadMax) {
			return o, usageErrorf("latency: -loads: %q is neither idle nor above 0 and at most %g percent", part, 100*latency.LoadMax)
		}
		o.loads = append(o.loads, percent/100)
	}
	if o.polls, err = names("-polls", polls, []string{"no", "yes"}); err != nil {
		return o, usageErrorf("latency: %w", err)
	}
	if o.duration <= 0 || o.duration > time.Minute {
		return o, usageErrorf("latency: -duration %v is not above 0 and at most 1m", o.duration)
	}
	return o, nil
}

// latencyCommand is `bench latency`.
func latencyCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseLatency(args, stdout)
	if err != nil {
		return err
	}
	measure := func(ctx context.Context, each func(*latency.Result) error) ([]latency.Result, error) {
		rows, skipped, err := o.runAll(ctx, each)
		noteSkipped(stderr, skipped)
		return rows, err
	}
	show := func(rows []latency.Result) page.Part { return latencyPart(rows, nil) }
	return printRows(ctx, o.asJSON, stdout, stderr, measure, asPart(show))
}

// cases are the workers: polling and sleeping, and the ways to send, take turns.
func (o *latencyOptions) cases() (cases []latency.Case) {
	all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(o.batches, o.live))))
	for _, batch := range all {
		for _, poll := range o.polls {
			c := latency.Case{Batch: batch, Poll: poll == "yes", Loads: o.loads, Duration: o.duration}
			if slices.Contains(o.batches, batch) {
				cases = append(cases, c)
			}
			if c.Live = true; slices.Contains(o.live, batch) {
				cases = append(cases, c)
			}
		}
	}
	return cases
}

// runAll measures everything that there is.
func (o *latencyOptions) runAll(ctx context.Context, each func(*latency.Result) error) (rows []latency.Result, skipped []string, err error) {
	if err := errors.Join(needRoot(), needCore("far end")); err != nil {
		return nil, nil, fmt.Errorf("latency: %w", err)
	}
	for _, c := range o.cases() {
		if ctx.Err() != nil {
			break
		}
		err := latency.Run(ctx, c, func(r *latency.Result) error {
			rows = append(rows, *r)
			return each(r)
		})
		switch {
		case c.Live && errors.Is(err, iobackend.ErrNotSupported):
			skipped = append(skipped, fmt.Sprintf("live, batch %d, polls %s: %v", c.Batch, yesNo(c.Poll), err))
		case errors.Is(err, latency.ErrUnanswered):
			skipped = append(skipped, fmt.Sprintf("batch %d, polls %s: %v", c.Batch, yesNo(c.Poll), err))
		case err != nil:
			return rows, skipped, err
		}
	}
	return rows, skipped, nil
}
