package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"

	"myriad/bench/internal/farend"
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
	rows, err := o.runAll(ctx, func(r *report.Row) error {
		if o.asJSON {
			return report.JSON(stdout, r)
		}
		return nil
	})
	if !o.asJSON && len(rows) > 0 {
		err = errors.Join(o.table(stdout, rows), err)
	}
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "bench: interrupted; this is what was measured until then")
	}
	return err
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

// jobs are the lengths of the requests of the runs, one after the other. A run
// that holds is one, since memory is a process's.
func (o *connectOptions) jobs() []int {
	if o.requestSet || o.connections > 0 {
		return []int{o.request}
	}
	return []int{0, o.request}
}

// runAll does the runs, and hands each row over as soon as it is there.
func (o *connectOptions) runAll(ctx context.Context, each func(r *report.Row) error) (rows []report.Row, err error) {
	for _, request := range o.jobs() {
		if ctx.Err() != nil {
			break
		}
		row, err := o.run(ctx, request)
		if err != nil {
			return rows, fmt.Errorf("connect: %w", err)
		}
		rows = append(rows, row)
		if err := each(&row); err != nil {
			return rows, err
		}
		if row.Completed == 0 && ctx.Err() == nil {
			return rows, fmt.Errorf("connect: no connection completed out of %d opened", row.Opened)
		}
	}
	return rows, nil
}

// run does one run with requests of a length.
func (o *connectOptions) run(ctx context.Context, request int) (row report.Row, err error) {
	c := o.load(request)
	row = report.Row{
		Method: o.method(request), Batch: o.batch, Window: o.window,
		RequestBytes: request, ReplyBytes: c.ReplyBytes,
	}
	var world *wire.World
	if o.device == "" {
		if world, err = o.world(&c); err != nil {
			return row, err
		}
		defer func() { err = errors.Join(err, world.Close()) }()
	}
	result, err := load.Run(ctx, c)
	if err != nil {
		return row, err
	}
	row.Fill(&result)
	if world != nil {
		row.FarEnd = new(farend.Counters)
		*row.FarEnd, err = world.FarEnd.Counters()
	}
	return row, err
}

// method names what each connection of a run does.
func (o *connectOptions) method(request int) string {
	switch {
	case request == 0:
		return o.close
	case o.close == "fin":
		return "request-fin"
	default:
		return "request"
	}
}

// load is the run's configuration, on the interface that was named.
func (o *connectOptions) load(request int) load.Config {
	c := load.Config{
		Targets: o.targets, Port: o.port,
		Fin:    o.close == "fin",
		Window: o.window, Limit: o.count, Duration: o.duration,
		Client: tcpclient.Config{
			Interfaces: []tcpclient.Interface{{
				Name: o.device, Backend: o.backend, Sources: o.sources,
				GatewayMAC: o.gateway, Queues: o.queues,
			}},
			Batch: o.batch,
			Rate:  o.rate,
		},
	}
	if request > 0 {
		c.Request, c.ReplyBytes = payload("GET / HTTP/1.1\r\n", request), o.reply
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
func (o *connectOptions) world(c *load.Config) (*wire.World, error) {
	if !testbed.Privileged() {
		return nil, errNotRoot
	}
	device := &c.Client.Interfaces[0]
	if device.Queues == 0 {
		device.Queues = queuesDefault
	}
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
	c.Targets, c.Port, c.Enter = wire.Targets, wire.Port, world.Enter
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
	return report.Table(out, rows)
}
