package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"myriad/bench/internal/farend"
	"myriad/bench/internal/kernel"
	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
	"myriad/bench/internal/send"
	"myriad/bench/internal/usage"
)

const cpuHelp = `usage: go run ./bench cpu [flags]

Offers work at fixed rates and prints what the processors spend on it:
connections (handshake and RST) by Myriad and by an epoll client in C, over the
same wire, in turns; and raw frames by each method of send. The rate of 1,488,000
frames is what fills 1 Gigabit Ethernet. What cannot keep a rate says so. Needs
root.

`

// cpuOptions are cpu's flags.
type cpuOptions struct {
	connections, frames []int // rates
	methods             []string
	rounds              int
	duration            time.Duration
	asJSON              bool
}

// cpuQueues are those of the connections' clients, each with a processor.
const cpuQueues = 2

// cpuMethods are whose connections are measured.
var cpuMethods = []string{"myriad", "epoll"}

// cpuRow is one run.
type cpuRow struct {
	Work              string  `json:"work"` // connections, frames
	Method            string  `json:"method"`
	Round             int     `json:"round"`
	OfferedPerSecond  float64 `json:"offered_per_second"`
	AchievedPerSecond float64 `json:"achieved_per_second"`
	Reached           bool    `json:"reached"` // within 2 %
	Done              uint64  `json:"done"`
	Failed            uint64  `json:"failed"` // or, of frames, refused
	Queues            int     `json:"queues"`
	Seconds           float64 `json:"seconds"`
	// Of all processors of the machine, which client and far end share.
	usage.Busy
	BusyMicrosecondsEach float64 `json:"busy_microseconds_each"` // processor time for one of Done
	MicrosecondsEach     float64 `json:"microseconds_each"`      // of the client's processes alone
	UserSeconds          float64 `json:"user_seconds"`           // theirs
	SystemSeconds        float64 `json:"system_seconds"`
	FarEndSeconds        float64 `json:"far_end_seconds"` // its XDP program, within the softirqs
	// Those of all rows; the far end's time is that of its program.
	report.Common
}

func parseCPU(args []string, stdout io.Writer) (o cpuOptions, err error) {
	var connections, frames string
	f := flag.NewFlagSet("cpu", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&connections, "connections", "10K,50K,250K", "`rates` of connections a second, or none")
	f.StringVar(&frames, "frames", "1488000", "`rates` of frames a second, or none")
	f.IntVar(&o.rounds, "rounds", roundsDefault, "`number` of turns that each method takes")
	f.DurationVar(&o.duration, "duration", time.Second, "how long each rate is offered; frames for half of it")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	if err := parseFlags(f, args, stdout, cpuHelp); err != nil {
		return o, err
	}
	for _, list := range []struct {
		name, text string
		to         *[]int
	}{{"-connections", connections, &o.connections}, {"-frames", frames, &o.frames}} {
		if list.text == "none" {
			continue
		}
		if *list.to, err = counts(list.text); err != nil {
			return o, usageErrorf("cpu: %s: %w", list.name, err)
		}
	}
	for _, rate := range o.connections {
		if rate < cpuQueues {
			return o, usageErrorf("cpu: -connections %d is below one a second for each of %d queues", rate, cpuQueues)
		}
	}
	o.methods = send.Methods
	switch {
	case o.rounds < 1 || o.rounds > 1000:
		return o, usageErrorf("cpu: -rounds %d is not within 1 to 1000", o.rounds)
	case o.duration <= 0 || o.duration > time.Minute:
		return o, usageErrorf("cpu: -duration %v is not above 0 and at most 1m", o.duration)
	}
	return o, nil
}

// cpuCommand is `bench cpu`.
func cpuCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseCPU(args, stdout)
	if err != nil {
		return err
	}
	measure := func(ctx context.Context, each func(*cpuRow) error) ([]cpuRow, error) {
		rows, skipped, err := o.runAll(ctx, each)
		noteSkipped(stderr, skipped)
		return rows, err
	}
	show := func(rows []cpuRow) page.Part { return cpuPart(rows, nil) }
	return printRows(ctx, o.asJSON, stdout, stderr, measure, asPart(show))
}

// runAll measures everything; the methods take turns.
func (o *cpuOptions) runAll(ctx context.Context, each func(r *cpuRow) error) (rows []cpuRow, skipped []string, err error) {
	if err := needRoot(); err != nil {
		return nil, nil, fmt.Errorf("cpu: %w", err)
	}
	methods := cpuMethods
	epoll, err := kernel.CompileProgram("epoll")
	switch {
	case errors.Is(err, kernel.ErrNoCompiler):
		methods, skipped = methods[:1], []string{"epoll: " + err.Error()}
	case err != nil:
		return nil, nil, fmt.Errorf("cpu: %w", err)
	default:
		defer func() { err = errors.Join(err, epoll.Close()) }()
	}
	if counting, err := farend.CountTime(); err != nil {
		skipped = append(skipped, "the far end's own time: "+err.Error())
	} else {
		defer counting.Close()
	}
	jobs := o.jobs(methods)
	for k := range jobs {
		if ctx.Err() != nil {
			break
		}
		row := &jobs[k]
		run := o.frameRun
		switch {
		case row.Work == "frames":
		case row.Method == "epoll":
			run = func(ctx context.Context, row *cpuRow) error { return o.epollRun(ctx, row, epoll) }
		default:
			run = o.myriadRun
		}
		if err := run(ctx, row); err != nil {
			return rows, skipped, fmt.Errorf("cpu: %s: %w", row.Method, err)
		}
		row.sumUp()
		rows = append(rows, *row)
		if err := each(row); err != nil {
			return rows, skipped, err
		}
	}
	return rows, skipped, nil
}

// jobs are the runs, without their results.
func (o *cpuOptions) jobs(methods []string) (jobs []cpuRow) {
	for round := range o.rounds {
		for _, rate := range o.connections {
			for _, m := range methods {
				jobs = append(jobs, cpuRow{Work: "connections", Method: m, Round: round + 1, OfferedPerSecond: float64(rate), Queues: cpuQueues})
			}
		}
		for _, rate := range o.frames {
			for _, m := range o.methods {
				jobs = append(jobs, cpuRow{Work: "frames", Method: m, Round: round + 1, OfferedPerSecond: float64(rate), Queues: 1})
			}
		}
	}
	return jobs
}

// sumUp computes what follows from the rest, once.
func (r *cpuRow) sumUp() {
	if r.Failed > 0 {
		r.Disturb("failed: %s", page.Number(r.Failed))
	}
	if r.Reached = r.AchievedPerSecond >= 0.98*r.OfferedPerSecond; !r.Reached {
		r.Disturb("%s/s of %s/s reached", page.Rate(r.AchievedPerSecond), page.Rate(r.OfferedPerSecond))
	}
	r.BusyMicrosecondsEach = 1e6 * r.Busy.Seconds() / float64(max(r.Done, 1))
	r.MicrosecondsEach = 1e6 * (r.UserSeconds + r.SystemSeconds) / float64(max(r.Done, 1))
}
