package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"myriad/bench/internal/kernel"
	"myriad/bench/internal/netstack"
	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
	"myriad/bench/internal/scanner"
	"myriad/bench/internal/wire"
	"myriad/iobackend"
)

// comparison is `bench connect -methods`: the methods take turns, so that what
// else the machine does hits them alike.
type comparison struct {
	*connectOptions
	programs map[string]*kernel.Program // the methods in C
	skipped  []string                   // what could not be measured, and why
	floors   map[floorAt]bareOptions    // the bare loop at its best
}

// compareCommand compares, and prints.
func (o *connectOptions) compareCommand(ctx context.Context, stdout, stderr io.Writer) error {
	var skipped []string
	measure := func(ctx context.Context, each func(*report.Row) error) (rows []report.Row, err error) {
		rows, skipped, err = o.compare(ctx, each)
		noteSkipped(stderr, skipped)
		return rows, err
	}
	show := func(rows []report.Row) page.Part { return comparePart(rows, skipped) }
	return printRows(ctx, o.asJSON, stdout, stderr, measure, asPart(show))
}

// compare has each method do each job in each round, and hands each row over as
// soon as it is there.
func (o *connectOptions) compare(ctx context.Context, each func(r *report.Row) error) (rows []report.Row, skipped []string, err error) {
	c := &comparison{connectOptions: o, floors: make(map[floorAt]bareOptions)}
	if err := c.prepare(); err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	for round := range o.rounds {
		for _, job := range o.jobs() {
			for _, method := range c.methods {
				if ctx.Err() != nil {
					return rows, c.skipped, nil
				}
				if !c.applies(method, job) {
					continue
				}
				row, err := c.turn(ctx, method, job)
				if strings.HasSuffix(method, "live") && errors.Is(err, iobackend.ErrNotSupported) || err != nil && slices.Contains(scanner.Tools, method) {
					c.skip(method, err)
					continue
				}
				if err != nil {
					return rows, c.skipped, fmt.Errorf("connect: %s: %w", method, err)
				}
				row.Round = round + 1
				rows = append(rows, row)
				if err := each(&row); err != nil {
					return rows, c.skipped, err
				}
			}
		}
	}
	return rows, c.skipped, nil
}

// applies reports whether a method knows how to do a job. Scanners know neither
// requests nor FIN, and masscan and zmap send one SYN, or few, to each of many.
func (c *comparison) applies(method string, job connectJob) bool {
	return !slices.Contains(scanner.Tools, method) || job.kind() == "rst" && job.destinations == "unique"
}

// prepare compiles what must be, and leaves out what cannot be.
func (c *comparison) prepare() error {
	c.programs = make(map[string]*kernel.Program)
	var able []string
	for _, m := range c.methods {
		err := c.prepareMethod(m)
		switch {
		case errors.Is(err, kernel.ErrNoCompiler), errors.Is(err, kernel.ErrNoRing), errors.Is(err, scanner.ErrMissing):
			c.skipped = append(c.skipped, m+": "+err.Error())
		case err != nil:
			return errors.Join(err, c.close())
		default:
			able = append(able, m)
		}
	}
	c.methods = able
	return nil
}

// skip notes once that a method cannot be measured here.
func (c *comparison) skip(method string, why error) {
	if s := method + ": " + why.Error(); !slices.Contains(c.skipped, s) {
		c.skipped = append(c.skipped, s)
	}
}

// prepareMethod makes ready what a method needs.
func (c *comparison) prepareMethod(method string) (err error) {
	if slices.Contains(kernel.Programs, method) {
		c.programs[method], err = kernel.CompileProgram(method)
	} else if slices.Contains(scanner.Tools, method) {
		_, err = scanner.Find(method)
	}
	return err
}

func (c *comparison) close() (err error) {
	for _, p := range c.programs {
		if p != nil {
			err = errors.Join(err, p.Close())
		}
	}
	return err
}

// turn does one run of one method.
func (c *comparison) turn(ctx context.Context, method string, job connectJob) (report.Row, error) {
	if c.programs[method] != nil {
		return c.kernelRun(ctx, method, job)
	}
	if slices.Contains(scanner.Tools, method) {
		return c.scannerRun(ctx, method, job)
	}
	switch method {
	case "myriad":
		return c.run(ctx, job)
	case "live", "afpacket": // Myriad by another backend
		o := *c.connectOptions
		o.backend = method
		row, err := o.run(ctx, job)
		row.Method = method + "-" + row.Method
		return row, err
	case "connect", "connectex":
		return c.winsockRun(ctx, method, job)
	case "bare":
		return c.bareRun(ctx, cmp.Or(c.backend, "afxdp"), job)
	case "bare-live":
		row, err := c.bareRun(ctx, "live", job)
		row.Method = method + "-" + job.kind()
		return row, err
	default:
		return c.kernelRun(ctx, method, job)
	}
}

// bareRun does one run with the bare loop, at its best.
func (c *comparison) bareRun(ctx context.Context, backend string, job connectJob) (report.Row, error) {
	at := floorAt{backend, job}
	b, known := c.floors[at]
	if !known {
		b = c.bare()
		b.backend = backend
		if c.tune > 0 {
			var err error
			if b, err = b.floorOf(ctx, job, c.tune); err != nil {
				return report.Row{}, err
			}
		}
		c.floors[at] = b
	}
	return b.run(ctx, job)
}

// kernelWindowMax is the most connections that the kernel's clients have under
// way: beyond it they only get slower, by a third at 4,096 (their sockets fall
// out of the cache), and they are to be at their best.
const kernelWindowMax = 512

// kernelRun does one run with the kernel's TCP, or gVisor's, over the same wire,
// between the same addresses, to the same far end.
func (c *comparison) kernelRun(ctx context.Context, method string, job connectJob) (row report.Row, err error) {
	queues := job.workers()
	row = report.Row{
		Method: method + "-" + job.kind(), Backend: "kernel", Queues: queues, RequestBytes: job.request,
	}
	if method == "netstack" {
		row.Backend = "fdbased"
	}
	task := kernel.Job{
		Sources: wire.Sources, Targets: job.targets(), Port: wire.Port,
		Window: max(min(c.window, kernelWindowMax), queues), RequestBytes: job.request,
		Fin: job.fin, Separate: job.separate, Processes: queues,
	}
	if task.Count = c.count; c.count == 0 {
		task.Duration = c.duration
	}
	if method == "connect" {
		task.Window = max(c.threads, queues)
	}
	row.Window = task.Window
	var reply []byte
	if job.request > 0 {
		task.ReplyBytes, row.ReplyBytes = c.reply, c.reply
		reply = payload("HTTP/1.1 200 OK\r\n", c.reply)
	}
	if err := needRoot(); err != nil {
		return row, err
	}
	world, err := wire.New(wire.Config{Queues: queues, Reply: reply, Pass: true, Kernel: method != "netstack"})
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	var result kernel.Result
	switch program := c.programs[method]; {
	case program != nil:
		result, err = program.Run(ctx, task, world.Start)
	case method == "netstack":
		result, err = kernel.RunSelf(ctx, netstack.Command, task, world.Start)
	default:
		result, err = kernel.RunNetDial(ctx, task, world.Start)
	}
	if err != nil {
		return row, err
	}
	fillKernel(&row, &result)
	row.CPU(result.Machine, result.Process, queues)
	err = atFarEnd(&row, world, job)
	row.FramesSent, row.FramesReceived = row.FarEnd.Received(), row.FarEnd.Sent
	return row, err
}

// winsockRun does one run with Windows' TCP, to the far end that was named.
func (c *comparison) winsockRun(ctx context.Context, method string, job connectJob) (report.Row, error) {
	row := report.Row{
		Method: method + "-" + job.kind(), Backend: "kernel", Queues: c.threads,
		Window: c.window, RequestBytes: job.request,
	}
	row.Interfaces = 1
	task := kernel.Job{
		Targets: c.targets, Port: c.port, Window: max(c.window, c.threads),
		RequestBytes: job.request, Count: c.count, Fin: job.fin, Processes: c.threads,
	}
	if method == "connectex" {
		row.Queues, task.Processes = 1, 1
	}
	if task.Count == 0 {
		task.Duration = c.duration
	}
	if job.request > 0 {
		task.ReplyBytes, row.ReplyBytes = c.reply, c.reply
	}
	result, err := kernel.RunWinsock(ctx, method, task)
	fillKernel(&row, &result)
	row.Judge()
	return row, err
}

// fillKernel takes over what a run measured.
func fillKernel(row *report.Row, r *kernel.Result) {
	row.Seconds = r.Elapsed.Seconds()
	row.ConnectionsPerSecond = perSecond(r.Completed, r.Elapsed)
	row.Opened, row.Completed = r.Opened, r.Completed
	row.FailedBy, row.Failed = r.FailedBy, total(r.FailedBy)
	row.DroppedBy = make(map[string]uint64)
	row.UserSeconds, row.SystemSeconds = r.Process.User.Seconds(), r.Process.System.Seconds()
	row.MachineSeconds = (r.Machine.User + r.Machine.System).Seconds()
}

// spread is the median of some values, and their range.
type spread struct{ median, min, max float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	slices.Sort(values)
	n := len(values)
	return spread{(values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1]}
}

// comparePart shows medians with their range, and the ratios to Myriad's and the
// bare loop's medians of the same cell.
func comparePart(rows []report.Row, skipped []string) page.Part {
	p := page.Part{
		Name: "connect", Title: "Connections per second, beside what people use instead",
		Command: "go run ./bench connect -methods " + strings.Join(methodNames, ","),
		Text: "The methods took turns over the same wire, addresses and far end, on as many processors. " +
			"Median over the rounds, with the range. The bound is what 1 GbE carries of the shortest frames, each frame of a connection counted, as the paper counts: " +
			"372K at 4 frames, 248K at 6, 212K at 7. Of the floor: of the bare loop's rate, at its best batch and window. " +
			"CPU is what the client's processes used, far end included as far as it ran within their system calls. " + report.Ports + ".",
		Columns: slices.Concat([]string{"", "rounds", "connections/s", "least", "most", "Myriad is", "of the floor", "bound, 1 GbE", "completed", "failed", "CPU µs each"}, report.Columns),
		Notes:   make([]string, len(skipped)),
	}
	for k, s := range skipped {
		p.Notes[k] = "skipped: " + s
	}
	all := kindsOf(rows)
	for _, at := range all.cells() {
		own, floor := all.find(at, at.job), all.find(at, "bare-"+at.job)
		title := fmt.Sprintf("%s, queues: %d, destinations: %s", at.job, at.queues, at.destinations)
		chart := page.Chart{Name: fmt.Sprintf("connect-%s-%d-%s", at.job, at.queues, at.destinations), Title: "Connections per second: " + title, X: "method", Y: "connections/s"}
		for _, k := range all {
			if k.cell != at {
				continue
			}
			s := spreadOf(k.rates)
			p.Rows = append(p.Rows, slices.Concat([]string{
				k.method, page.Number(uint64(len(k.rates))), page.Rate(s.median), page.Rate(s.min), page.Rate(s.max),
				times(own.median(), s.median), times(s.median, floor.median()), bound(k.middle.FramesPerConnection),
				page.Number(k.completed), page.Number(k.failed), page.Decimal(1e6 * k.cpu / float64(max(k.completed, 1))),
			}, k.middle.Cells(at.queues)))
			chart.Bars = append(chart.Bars, page.Bar{Label: k.method, Value: s.median, Min: s.min, Max: s.max})
		}
		p.Charts = append(p.Charts, chart)
	}
	return p
}
