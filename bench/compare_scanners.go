package main

import (
	"context"
	"errors"

	"myriad/bench/internal/report"
	"myriad/bench/internal/scanner"
	"myriad/bench/internal/wire"
)

// scannerRun does one run with masscan or zmap, over the same wire, between the
// same addresses, to the same far end.
func (c *comparison) scannerRun(ctx context.Context, tool string, job connectJob) (row report.Row, err error) {
	queues := job.workers()
	row = report.Row{Method: tool + "-rst", Backend: "packet", Queues: queues}
	if err := needRoot(); err != nil {
		return row, err
	}
	world, err := wire.New(wire.Config{Queues: queues, Pass: true, Addressed: true})
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	task := scanner.Job{
		Interface: wire.Interface, Gateway: world.Gateway, Sources: wire.Sources, Targets: job.targets(), Port: wire.Port,
		Count: c.count, Threads: queues,
		SYNs: func() (uint64, error) {
			counters, err := world.FarEnd.Counters()
			return counters.SYN, err
		},
	}
	if task.Count == 0 {
		task.Duration = c.duration
	}
	result, err := scanner.Run(ctx, tool, task, world.Start)
	if err != nil {
		return row, err
	}
	seen, err := world.Settle(0) // what the kernel answers for masscan, too
	if err != nil {
		return row, err
	}
	row.FarEnd, row.LostToFarEnd, row.LostFromFarEnd = &seen.Counters, seen.LostToFarEnd, seen.LostFromFarEnd
	fillScanner(&row, &result)
	row.CPU(result.Machine, result.Process, row.Queues)
	row.Interfaces, row.Destinations = 1, job.destinations
	row.Rates(report.TrafficOf(row.FarEnd), row.Opened, result.Elapsed)
	row.Judge()
	return row, nil
}

// fillScanner takes over what a run measured. An answer that the tool did not
// see failed.
func fillScanner(row *report.Row, r *scanner.Result) {
	row.Seconds = r.Elapsed.Seconds()
	row.ConnectionsPerSecond = perSecond(r.Answered, r.Elapsed)
	row.Opened, row.Completed = row.FarEnd.SYN, r.Answered
	row.Failed = row.Opened - min(row.Opened, row.Completed)
	row.FailedBy, row.DroppedBy = make(map[string]uint64), make(map[string]uint64)
	if row.Failed > 0 {
		row.FailedBy["answer not seen"] = row.Failed
	}
	row.FramesSent, row.FramesReceived = row.FarEnd.Received(), row.FarEnd.SYN
	row.UserSeconds, row.SystemSeconds = r.Process.User.Seconds(), r.Process.System.Seconds()
	row.MachineSeconds = (r.Machine.User + r.Machine.System).Seconds()
}
