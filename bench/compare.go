package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"myriad/bench/internal/farend"
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
}

// compareCommand compares, and prints.
func (o *connectOptions) compareCommand(ctx context.Context, stdout, stderr io.Writer) error {
	rows, skipped, err := o.compare(ctx, func(r *report.Row) error {
		if o.asJSON {
			return report.JSON(stdout, r)
		}
		return nil
	})
	for _, s := range skipped {
		fmt.Fprintln(stderr, "bench: skipped:", s)
	}
	if !o.asJSON && len(rows) > 0 {
		part := comparePart(rows, skipped)
		err = errors.Join(part.WriteText(stdout), err)
	}
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "bench: interrupted; this is what was measured until then")
	}
	return err
}

// compare has each method do each job in each round, and hands each row over as
// soon as it is there.
func (o *connectOptions) compare(ctx context.Context, each func(r *report.Row) error) (rows []report.Row, skipped []string, err error) {
	c := &comparison{connectOptions: o}
	if err := c.prepare(); err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	for round := range o.rounds {
		for _, request := range o.jobs() {
			for _, method := range c.methods {
				if ctx.Err() != nil {
					return rows, c.skipped, nil
				}
				if slices.Contains(scanner.Tools, method) && (request > 0 || c.connectOptions.close == "fin") {
					continue // they know neither
				}
				row, err := c.turn(ctx, method, request)
				if strings.HasSuffix(method, "live") && errors.Is(err, iobackend.ErrNotSupported) {
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
func (c *comparison) turn(ctx context.Context, method string, request int) (report.Row, error) {
	if c.programs[method] != nil {
		return c.kernelRun(ctx, method, request)
	}
	if slices.Contains(scanner.Tools, method) {
		return c.scannerRun(ctx, method)
	}
	switch method {
	case "myriad":
		return c.run(ctx, request)
	case "connect", "connectex":
		return c.winsockRun(ctx, method, request)
	case "live":
		o := *c.connectOptions
		o.backend = "live"
		row, err := o.run(ctx, request)
		row.Method = "live-" + row.Method
		return row, err
	case "bare", "bare-live":
		backend := cmp.Or(c.backend, "afxdp")
		if method == "bare-live" {
			backend = "live"
		}
		b := bareOptions{
			backend: backend, queues: cmp.Or(c.queues, queuesDefault),
			batch: c.batch, window: c.window, duration: c.duration,
		}
		row, err := b.run(ctx, request)
		row.Method = method + "-" + c.method(request)
		return row, err
	default:
		return c.kernelRun(ctx, method, request)
	}
}

// kernelWindowMax is the most connections that the kernel's clients have under
// way: beyond it they only get slower, by a third at 4,096 (their sockets fall
// out of the cache), and they are to be at their best.
const kernelWindowMax = 512

// kernelRun does one run with the kernel's TCP, or gVisor's, over the same wire,
// between the same addresses, to the same far end.
func (c *comparison) kernelRun(ctx context.Context, method string, request int) (row report.Row, err error) {
	queues := cmp.Or(c.queues, queuesDefault)
	row = report.Row{
		Method: method + "-" + c.method(request), Backend: "kernel", Queues: queues,
		Window: c.window, RequestBytes: request,
	}
	if method == "netstack" {
		row.Backend = "fdbased"
	}
	job := kernel.Job{
		Sources: wire.Sources, Targets: wire.Targets, Port: wire.Port,
		Window: c.window, RequestBytes: request, Fin: c.connectOptions.close == "fin", Processes: queues,
	}
	if job.Count = c.count; c.count == 0 {
		job.Duration = c.duration
	}
	job.Window = max(min(c.window, kernelWindowMax), queues)
	if method == "connect" {
		job.Window = max(c.threads, queues)
	}
	row.Window = job.Window
	var reply []byte
	if request > 0 {
		job.ReplyBytes = c.reply
		reply = payload("HTTP/1.1 200 OK\r\n", c.reply)
		row.ReplyBytes = c.reply
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
		result, err = program.Run(ctx, job, world.Start)
	case method == "netstack":
		result, err = kernel.RunSelf(ctx, netstack.Command, job, world.Start)
	default:
		result, err = kernel.RunNetDial(ctx, job, world.Start)
	}
	if err != nil {
		return row, err
	}
	fillKernel(&row, &result)
	row.FarEnd = new(farend.Counters)
	*row.FarEnd, err = world.FarEnd.Counters()
	row.FramesSent = row.FarEnd.Received()
	row.FramesReceived = row.FarEnd.SYN + row.FarEnd.Data + row.FarEnd.Part + row.FarEnd.FIN + row.FarEnd.ARP
	return row, err
}

// winsockRun does one run with Windows' TCP, to the far end that was named.
func (c *comparison) winsockRun(ctx context.Context, method string, request int) (report.Row, error) {
	row := report.Row{
		Method: method + "-" + c.method(request), Backend: "kernel", Queues: c.threads,
		Window: c.window, RequestBytes: request,
	}
	job := kernel.Job{
		Targets: c.targets, Port: c.port, Window: max(c.window, c.threads),
		RequestBytes: request, Count: c.count, Fin: c.connectOptions.close == "fin", Processes: c.threads,
	}
	if method == "connectex" {
		row.Queues, job.Processes = 1, 1
	}
	if job.Count == 0 {
		job.Duration = c.duration
	}
	if request > 0 {
		job.ReplyBytes, row.ReplyBytes = c.reply, c.reply
	}
	result, err := kernel.RunWinsock(ctx, method, job)
	fillKernel(&row, &result)
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

// comparePart shows medians with their range, and the ratio to Myriad's median
// of the same job.
func comparePart(rows []report.Row, skipped []string) page.Part {
	p := page.Part{
		Name: "connect", Title: "Connections per second, beside what people use instead",
		Command: "go run ./bench connect -methods " + strings.Join(methodNames, ","),
		Text: "The methods took turns over the same wire, addresses and far end, on as many processors. " +
			"Median over the rounds, with the range. CPU is what the client's processes used, far end included as far as it ran within their system calls.",
		Columns: []string{"", "rounds", "connections/s", "least", "most", "Myriad is", "completed", "failed", "CPU µs each"},
		Notes:   skipped,
	}
	kinds := kindsOf(rows)
	for _, job := range []string{"rst", "request", "fin", "request-fin"} {
		own := kinds.find(job)
		chart := page.Chart{Name: "connect-" + job, Title: "Connections per second: " + job, X: "method", Y: "connections/s"}
		for _, k := range kinds {
			if k.job != job {
				continue
			}
			s := spreadOf(k.rates)
			ratio := "not measured"
			if own != nil && s.median > 0 {
				ratio = fmt.Sprintf("%.2f ×", spreadOf(own.rates).median/s.median)
			}
			p.Rows = append(p.Rows, []string{
				k.method, page.Number(uint64(len(k.rates))), page.Rate(s.median), page.Rate(s.min), page.Rate(s.max), ratio,
				page.Number(k.completed), page.Number(k.failed), page.Decimal(1e6 * k.cpu / float64(max(k.completed, 1))),
			})
			chart.Bars = append(chart.Bars, page.Bar{Label: k.method, Value: s.median, Min: s.min, Max: s.max})
		}
		if len(chart.Bars) > 0 {
			p.Charts = append(p.Charts, chart)
		}
	}
	for i := range rows {
		for name, n := range rows[i].FailedBy {
			p.Notes = append(p.Notes, fmt.Sprintf("%s, round %d: failed %s %s", rows[i].Method, rows[i].Round, name, page.Number(n)))
		}
	}
	slices.Sort(p.Notes)
	return p
}
