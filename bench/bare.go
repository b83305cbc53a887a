package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"myriad/bench/internal/bare"
	"myriad/bench/internal/farend"
	"myriad/bench/internal/report"
	"myriad/bench/internal/wire"
	"myriad/internal/testbed"
	"myriad/iobackend"
	"myriad/iobackend/afpacket"
	"myriad/iobackend/afxdp"
)

// bareOptions are bare's flags.
type bareOptions struct {
	backend               string
	queues, batch, window int
	duration              time.Duration
	asJSON                bool
}

const bareHelp = `usage: go run ./bench bare [flags]

Measures a client without state over the same wire as connect: it remembers no
connection, verifies and times nothing. What it reaches is what the backend and
the kernel's veth allow; needs root.

`

func parseBare(args []string, stdout io.Writer) (o bareOptions, err error) {
	f := flag.NewFlagSet("bare", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.backend, "backend", "afxdp", "`name` of the backend: afxdp, live or afpacket")
	f.IntVar(&o.queues, "queues", queuesDefault, "`number` of queues, each with a worker")
	f.IntVar(&o.batch, "batch", batchDefault, "`frames` moved in one turn")
	f.IntVar(&o.window, "window", windowDefault, "`number` of connections under way at once")
	f.DurationVar(&o.duration, "duration", durationDefault, "how long connections are opened")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, bareHelp)
			f.SetOutput(stdout)
			f.PrintDefaults()
			return o, err
		}
		return o, usageErrorf("bare: %w", err)
	}
	switch {
	case f.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", f.Arg(0))
	case !slices.Contains([]string{"afxdp", "live", "afpacket"}, o.backend):
		err = fmt.Errorf("-backend %q is none of afxdp, live, afpacket", o.backend)
	case o.queues < 1 || o.queues > 256:
		err = fmt.Errorf("-queues %d is not within 1 to 256", o.queues)
	case o.batch < 1 || o.window < o.queues:
		err = fmt.Errorf("-batch %d must be above 0, and -window %d not below -queues %d", o.batch, o.window, o.queues)
	case o.duration <= 0:
		err = fmt.Errorf("-duration %v is not above 0", o.duration)
	}
	if err != nil {
		return o, usageErrorf("bare: %w", err)
	}
	return o, nil
}

// bareCommand is `bench bare`.
func bareCommand(ctx context.Context, args []string, stdout, _ io.Writer) error {
	o, err := parseBare(args, stdout)
	if err != nil {
		return err
	}
	var rows []report.Row
	for _, request := range []int{0, requestDefault} {
		if ctx.Err() != nil {
			break
		}
		row, err := o.run(ctx, request)
		if err != nil {
			return fmt.Errorf("bare: %w", err)
		}
		rows = append(rows, row)
		if o.asJSON {
			if err := report.JSON(stdout, &row); err != nil {
				return err
			}
		}
	}
	if o.asJSON || len(rows) == 0 {
		return nil
	}
	fmt.Fprintf(stdout, "%s, queues %d, batch %d, window %d; no state\n\n", rows[0].Backend, o.queues, o.batch, o.window)
	return report.Table(stdout, rows)
}

// run measures one kind of connection.
func (o *bareOptions) run(ctx context.Context, request int) (row report.Row, err error) {
	if !testbed.Privileged() {
		return row, errNotRoot
	}
	c := bare.Config{
		Sources: wire.Sources, Targets: wire.Targets, Port: wire.Port,
		Window: o.window, Batch: o.batch, Duration: o.duration,
	}
	row = report.Row{Method: "bare-rst", Queues: o.queues, Batch: o.batch, Window: o.window}
	var reply []byte
	if request > 0 {
		c.Request = payload("GET / HTTP/1.1\r\n", request)
		reply = payload("HTTP/1.1 200 OK\r\n", replyDefault)
		row.Method, row.RequestBytes, row.ReplyBytes = "bare-request", request, len(reply)
	}
	world, err := wire.New(wire.Config{Queues: o.queues, Reply: reply, Pass: o.backend == "afpacket"})
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	c.Gateway = world.Gateway

	var device iobackend.Device
	err = world.Enter(func() (err error) {
		device, err = openDevice(o.backend, iobackend.Config{
			Interface: wire.Interface, Addresses: []netip.Prefix{wire.Sources}, Queues: o.queues,
		})
		return err
	})
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, world.Enter(device.Close)) }()
	result, err := bare.Run(ctx, device, c)
	if err != nil {
		return row, err
	}
	fillBare(&row, &result)
	row.Backend = device.Info().Method
	row.FarEnd = new(farend.Counters)
	*row.FarEnd, err = world.FarEnd.Counters()
	return row, err
}

func openDevice(name string, c iobackend.Config) (iobackend.Device, error) {
	if name == "afpacket" {
		return afpacket.Open(c)
	}
	return afxdp.OpenWith(c, afxdp.Options{Live: name == "live"})
}

// fillBare takes over what a run measured.
func fillBare(row *report.Row, r *bare.Result) {
	row.Seconds = r.Elapsed.Seconds()
	row.ConnectionsPerSecond = float64(r.Completed) / r.Elapsed.Seconds()
	row.Opened, row.Completed, row.Failed = r.Opened, r.Completed, r.Opened-r.Completed
	row.FramesSent, row.FramesReceived = r.Counters.FramesSent, r.Counters.FramesReceived
	row.UserSeconds, row.SystemSeconds = r.Process.User.Seconds(), r.Process.System.Seconds()
	row.MachineSeconds = (r.Machine.User + r.Machine.System).Seconds()
	row.FailedBy, row.DroppedBy = make(map[string]uint64), make(map[string]uint64)
	for name, n := range map[string]uint64{
		"device_ring_full":          r.Counters.DropRingFull,
		"device_fill_empty":         r.Counters.DropFillEmpty,
		"device_invalid_descriptor": r.Counters.DropInvalid,
		"device_transmit":           r.Counters.DropTransmit,
		"no_answer_of_ours":         r.Other,
	} {
		if n > 0 {
			row.DroppedBy[name] = n
			row.Dropped += n
		}
	}
	if row.Failed > 0 {
		row.FailedBy["unfinished"] = row.Failed
	}
}
