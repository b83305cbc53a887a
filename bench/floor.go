package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"myriad/bench/internal/report"
)

// The batches and windows that the bare loop's best is looked for in.
var (
	floorBatches = []int{32, 64, 128, 256, 512}
	floorWindows = []int{256, 512, 1024, 2048, 4096, 8192}
)

// floorAt is what the bare loop has a best at.
type floorAt struct {
	backend string
	job     connectJob
}

// floorOf finds the batch and window with which the bare loop does a job
// fastest, where they are not given, trying each for a time: first the windows,
// then the batches with the best of them.
func (b bareOptions) floorOf(ctx context.Context, job connectJob, each time.Duration) (best bareOptions, err error) {
	world, err := b.world(job)
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	best = b
	most := -1.0
	try := func(batch, window int) error {
		if window < job.workers() || ctx.Err() != nil {
			return nil
		}
		trial := b
		trial.duration, trial.count, trial.batch, trial.window = each, 0, batch, window
		row, err := trial.over(ctx, world, job)
		if err != nil {
			return fmt.Errorf("bare: batch %d, window %d: %w", batch, window, err)
		}
		if row.ConnectionsPerSecond > most {
			best.batch, best.window, most = batch, window, row.ConnectionsPerSecond
		}
		return nil
	}
	best.batch = cmp.Or(b.batch, batchDefault)
	for _, window := range given(b.window, floorWindows) {
		if err := try(best.batch, window); err != nil {
			return best, err
		}
	}
	best.window = cmp.Or(best.window, windowDefault) // interrupted before the first
	if b.batch > 0 {
		return best, nil
	}
	for _, batch := range floorBatches {
		if err := try(batch, best.window); err != nil {
			return best, err
		}
	}
	return best, nil
}

// given is what was said, or what to choose from.
func given(said int, choice []int) []int {
	if said > 0 {
		return []int{said}
	}
	return choice
}

// hasFloor reports whether the bare loop can do what a run does.
func (o *connectOptions) hasFloor() bool {
	return o.device == "" && o.tune > 0 && o.count == 0 && o.connections == 0 && o.rate == 0 && !o.verify &&
		slices.Contains([]string{"", "afxdp", "afpacket"}, o.backend)
}

// bare is the bare loop with connect's flags: at its best, or with -tune 0 just
// so.
func (o *connectOptions) bare() bareOptions {
	b := bareOptions{backend: cmp.Or(o.backend, "afxdp"), reply: o.reply, count: o.count, duration: o.duration}
	if o.tune == 0 {
		b.batch, b.window = o.batch, o.window
	}
	return b
}

// floor runs the bare loop beside a row of Myriad's.
func (o *connectOptions) floor(ctx context.Context, job connectJob, row *report.Row) (report.Row, error) {
	b, err := o.bare().floorOf(ctx, job, o.tune)
	if err != nil {
		return report.Row{}, err
	}
	bare, err := b.run(ctx, job)
	if err == nil && bare.ConnectionsPerSecond > 0 {
		row.ShareOfFloor = report.Some(row.ConnectionsPerSecond / bare.ConnectionsPerSecond)
	}
	return bare, err
}

// floorLine says what the stack reaches of what wire and backend allow.
func floorLine(out io.Writer, row, bare *report.Row) {
	if row.ShareOfFloor != nil {
		fmt.Fprintf(out, "%s is %.2f × the bare loop at its best (batch %d, window %d: %.0f connections/s)\n",
			row.Method, *row.ShareOfFloor, bare.Batch, bare.Window, bare.ConnectionsPerSecond)
	}
}
