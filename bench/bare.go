package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"myriad/bench/internal/bare"
	"myriad/bench/internal/report"
	"myriad/bench/internal/wire"
	"myriad/internal/testbed"
	"myriad/iobackend"
	"myriad/iobackend/afpacket"
	"myriad/iobackend/afxdp"
)

// bareOptions are bare's flags.
type bareOptions struct {
	backend       string
	queues        []int
	destinations  []string
	kinds         []string
	batch, window int // 0: the best
	reply         int
	count         int // connections, when not 0, within duration
	duration      time.Duration
	tune          time.Duration
	asJSON        bool
}

const bareHelp = `usage: go run ./bench bare [flags]

Measures a client without state over the same wire as connect: it remembers no
connection and times nothing, and sends the same bytes and verifies the same
checksums. What it reaches, with the best of batches of 32 to 512 frames and
windows of 256 to 8,192 connections unless they are given, is what the backend
and the kernel's veth allow; needs root.

`

func parseBare(args []string, stdout io.Writer) (o bareOptions, err error) {
	var queues, kinds, destinations string
	f := flag.NewFlagSet("bare", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.backend, "backend", "afxdp", "`name` of the backend: afxdp, live or afpacket")
	f.StringVar(&queues, "queues", strconv.Itoa(queuesDefault), "`numbers` of queues, comma-separated, each queue with a worker")
	f.StringVar(&kinds, "jobs", "rst,request", "what connections do: `kinds`, comma-separated, of "+strings.Join(connectKinds, ", "))
	f.StringVar(&destinations, "destinations", "unique", "whom to: `kinds`, comma-separated: one, unique")
	f.IntVar(&o.batch, "batch", 0, "`frames` moved in one turn (default: the best)")
	f.IntVar(&o.window, "window", 0, "`number` of connections under way at once (default: the best)")
	f.DurationVar(&o.tune, "tune", tuneDefault, "how long each batch and window is tried to find the best")
	f.DurationVar(&o.duration, "duration", durationDefault, "how long connections are opened")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	if err := parseFlags(f, args, stdout, bareHelp); err != nil {
		return o, err
	}
	if o.queues, err = counts(queues); err != nil {
		return o, usageErrorf("bare: -queues: %w", err)
	}
	if o.kinds, err = names("-jobs", kinds, connectKinds); err == nil {
		o.destinations, err = names("-destinations", destinations, []string{"one", "unique"})
	}
	most := slices.Max(o.queues)
	switch {
	case err != nil:
	case !slices.Contains([]string{"afxdp", "live", "afpacket"}, o.backend):
		err = fmt.Errorf("-backend %q is none of afxdp, live, afpacket", o.backend)
	case most > 256:
		err = fmt.Errorf("-queues %d is not within 1 to 256", most)
	case o.batch < 0 || o.window < 0:
		err = fmt.Errorf("-batch %d and -window %d: neither may be below 0", o.batch, o.window)
	case o.window > 0 && o.window < most:
		err = fmt.Errorf("-window %d is below one connection for each of %d queues", o.window, most)
	case o.duration <= 0 || o.tune <= 0:
		err = fmt.Errorf("-duration %v and -tune %v must be above 0", o.duration, o.tune)
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
	jobs := connectOptions{queues: o.queues, destinations: o.destinations, kinds: o.kinds, request: requestDefault}
	for _, job := range jobs.jobs() {
		if ctx.Err() != nil {
			break
		}
		best := o
		if o.batch == 0 || o.window == 0 {
			if best, err = o.floorOf(ctx, job, o.tune); err != nil {
				return err
			}
		}
		row, err := best.run(ctx, job)
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
	fmt.Fprintf(stdout, "%s; no state\n\n", rows[0].Backend)
	return report.Table(stdout, rows)
}

// run measures one kind of connection in a world of its own.
func (o *bareOptions) run(ctx context.Context, job connectJob) (row report.Row, err error) {
	world, err := o.world(job)
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	if row, err = o.over(ctx, world, job); err != nil {
		return row, err
	}
	return row, atFarEnd(&row, world, job)
}

// world makes the two ends of a job.
func (o *bareOptions) world(job connectJob) (*wire.World, error) {
	if !testbed.Privileged() {
		return nil, errNotRoot
	}
	c := wire.Config{Queues: job.workers(), Pass: o.backend == "afpacket"}
	if job.request > 0 {
		c.Reply = payload("HTTP/1.1 200 OK\r\n", o.replyBytes())
	}
	return wire.New(c)
}

func (o *bareOptions) replyBytes() int { return cmp.Or(o.reply, replyDefault) }

// over measures one kind of connection in a world that is there.
func (o *bareOptions) over(ctx context.Context, world *wire.World, job connectJob) (row report.Row, err error) {
	c := bare.Config{
		Sources: wire.Sources, Targets: job.targets(), Port: wire.Port, Gateway: world.Gateway,
		Separate: job.separate, Fin: job.fin,
		Window: o.window, Batch: o.batch, Duration: o.duration, Limit: o.count,
	}
	row = report.Row{Method: "bare-" + job.kind(), Queues: job.workers(), Batch: o.batch, Window: o.window}
	if job.request > 0 {
		c.Request = payload("GET / HTTP/1.1\r\n", job.request)
		row.RequestBytes, row.ReplyBytes = job.request, o.replyBytes()
	}
	var device iobackend.Device
	err = world.Enter(func() (err error) {
		device, err = openDevice(o.backend, iobackend.Config{
			Interface: wire.Interface, Addresses: []netip.Prefix{wire.Sources}, Queues: job.workers(),
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
	row.CPU(result.Machine, result.Process, row.Queues)
	row.Backend = device.Info().Method
	return row, nil
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
		"bad_checksum":              r.Wrong,
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
