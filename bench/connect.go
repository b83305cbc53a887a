package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"time"

	"myriad/bench/internal/load"
	"myriad/bench/internal/report"
	"myriad/bench/internal/wire"
	"myriad/internal/testbed"
	"myriad/tcpclient"
)

// connectCommand is `bench connect`.
func connectCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parseConnect(args, stdout)
	if err != nil {
		return err
	}
	stop, err := profile(o.cpuProfile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()

	if len(o.methods) > 0 {
		return o.compareCommand(ctx, stdout, stderr)
	}
	return printRows(ctx, o.asJSON, stdout, stderr, o.runAll, o.table)
}

// profile begins a CPU profile, if a file is named.
func profile(name string) (stop func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("connect: -cpuprofile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() error { pprof.StopCPUProfile(); return file.Close() }, nil
}

// runAll does the runs, and hands each row over as soon as it is there: with the
// bare loop's after Myriad's, where there is one.
func (o *connectOptions) runAll(ctx context.Context, each func(r *report.Row) error) (rows []report.Row, err error) {
	for _, job := range o.jobs() {
		if ctx.Err() != nil {
			break
		}
		row, err := o.run(ctx, job)
		if err != nil {
			return rows, fmt.Errorf("connect: %w", err)
		}
		beside := []report.Row{row}
		if o.hasFloor() && row.Completed > 0 && ctx.Err() == nil {
			bare, err := o.floor(ctx, job, &beside[0])
			if err != nil {
				return rows, fmt.Errorf("connect: %w", err)
			}
			beside = append(beside, bare)
		}
		for k := range beside {
			rows = append(rows, beside[k])
			if err := each(&beside[k]); err != nil {
				return rows, err
			}
		}
		if row.Completed == 0 && ctx.Err() == nil {
			return rows, fmt.Errorf("connect: no connection completed out of %d opened", row.Opened)
		}
	}
	return rows, nil
}

// run does one run of a job.
func (o *connectOptions) run(ctx context.Context, job connectJob) (row report.Row, err error) {
	c := o.load(job)
	row = report.Row{
		Method: job.kind(), Batch: o.batch, Window: o.window,
		RequestBytes: job.request, ReplyBytes: c.ReplyBytes,
	}
	var world *wire.World
	if o.device == "" {
		if world, err = o.world(&c, job); err != nil {
			return row, err
		}
		defer func() { err = errors.Join(err, world.Close()) }()
	}
	result, err := load.Run(ctx, c)
	if err != nil {
		return row, err
	}
	row.Fill(&result)
	row.CPU(result.Machine, result.Process, row.Queues)
	if world != nil {
		err = atFarEnd(&row, world, job)
	} else {
		row.Interfaces, row.Destinations = 1, job.destinations
		row.Judge()
	}
	return row, err
}

// atFarEnd takes over what the far end counted, once all that was sent is there.
func atFarEnd(row *report.Row, world *wire.World, job connectJob) error {
	seen, err := world.Settle(row.FramesSent)
	row.FarEnd, row.LostToFarEnd, row.LostFromFarEnd = &seen.Counters, seen.LostToFarEnd, seen.LostFromFarEnd
	row.Interfaces, row.Destinations = 1, job.destinations
	row.Rates(report.TrafficOf(row.FarEnd), row.Completed, time.Duration(row.Seconds*float64(time.Second)))
	row.Judge()
	return err
}

// load is the run's configuration, on the interface that was named.
func (o *connectOptions) load(job connectJob) load.Config {
	c := load.Config{
		Targets: o.targets, Port: o.port,
		Fin: job.fin, Separate: job.separate,
		Window: o.window, Limit: o.count, Duration: o.duration,
		Client: tcpclient.Config{
			Interfaces: []tcpclient.Interface{{
				Name: o.device, Backend: o.backend, Sources: o.sources,
				GatewayMAC: o.gateway, Queues: job.queues,
			}},
			Batch: o.batch,
			Rate:  o.rate,
		},
	}
	if job.request > 0 {
		c.Request, c.ReplyBytes = payload("GET / HTTP/1.1\r\n", job.request), o.reply
	}
	if o.connections > 0 {
		c.Hold, c.Limit = true, o.connections
	}
	if c.Limit > 0 {
		c.Duration = 0
	}
	c.Client.ConnectionsMax = max(connectionsMin, 2*o.window, o.connections)
	return c
}

// connectionsMin leaves room for connections in TIME-WAIT.
const connectionsMin = 1 << 16

// payload is a text followed by filler, to the length.
func payload(text string, length int) []byte {
	b := make([]byte, length)
	for i := copy(b, text); i < length; i++ {
		b[i] = 'a' + byte(i%26)
	}
	return b
}

// world makes both ends for a run.
func (o *connectOptions) world(c *load.Config, job connectJob) (*wire.World, error) {
	if !testbed.Privileged() {
		return nil, errNotRoot
	}
	device := &c.Client.Interfaces[0]
	device.Queues = job.workers()
	if device.Backend == "" {
		device.Backend = "afxdp"
	}
	if c.ReplyBytes > 0 {
		c.Reply = payload("HTTP/1.1 200 OK\r\n", c.ReplyBytes)
	}
	world, err := wire.New(wire.Config{
		Queues: device.Queues, Reply: c.Reply, Verify: o.verify,
		Pass: device.Backend == "afpacket",
	})
	if err != nil {
		return nil, err
	}
	device.Name, device.GatewayMAC = wire.Interface, world.Gateway
	device.Sources = append(device.Sources, wire.Sources)
	c.Targets, c.Port, c.Enter = job.targets(), wire.Port, world.Enter
	return world, nil
}

// table prints rows for people.
func (o *connectOptions) table(out io.Writer, rows []report.Row) error {
	first := &rows[0]
	where := "a veth pair with a stateless XDP far end on the same machine"
	if o.device != "" {
		where = fmt.Sprintf("%s to %v port %d", o.device, o.targets, o.port)
	}
	fmt.Fprintf(out, "%s, queues %d, batch %d, window %d; %s\n\n", first.Backend, first.Queues, first.Batch, first.Window, where)
	if err := report.Table(out, rows); err != nil {
		return err
	}
	for k := range rows[1:] {
		floorLine(out, &rows[k], &rows[k+1])
	}
	return nil
}
