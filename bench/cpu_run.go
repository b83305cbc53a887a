package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"time"

	"myriad/bench/internal/kernel"
	"myriad/bench/internal/load"
	"myriad/bench/internal/report"
	"myriad/bench/internal/send"
	"myriad/bench/internal/usage"
	"myriad/bench/internal/wire"
)

// myriadRun offers connections to Myriad.
func (o *cpuOptions) myriadRun(ctx context.Context, row *cpuRow) (err error) {
	c, err := parseConnect([]string{
		"-rate", strconv.FormatFloat(row.OfferedPerSecond, 'f', -1, 64), "-queues", strconv.Itoa(row.Queues),
		"-duration", o.duration.String(), "-request", "0", "-backend", "afxdp",
	}, io.Discard)
	if err != nil {
		return err
	}
	job := c.jobs()[0]
	task := c.load(job)
	world, err := c.world(&task, job)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	m, err := load.Run(ctx, task)
	if err != nil {
		return err
	}
	row.Seconds, row.AchievedPerSecond = m.Elapsed.Seconds(), m.PerSecond()
	row.Done, row.Failed, row.Busy = m.Completed, m.Failed(), m.Machine.Busy()
	return row.columns(world, m.Machine, m.Process)
}

// epollRun offers connections to the kernel.
func (o *cpuOptions) epollRun(ctx context.Context, row *cpuRow, epoll *kernel.Program) (err error) {
	world, err := wire.New(wire.Config{Queues: row.Queues, Pass: true, Kernel: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	m, err := epoll.Run(ctx, kernel.Job{
		Sources: wire.Sources, Targets: wire.Targets, Port: wire.Port,
		Window: kernelWindowMax, Duration: o.duration, Processes: row.Queues, Rate: row.OfferedPerSecond,
	}, world.Start)
	if err != nil {
		return err
	}
	row.Seconds, row.AchievedPerSecond = m.Elapsed.Seconds(), perSecond(m.Completed, m.Elapsed)
	row.Done, row.Failed, row.Busy = m.Completed, total(m.FailedBy), m.Machine.Busy()
	return row.columns(world, m.Machine, m.Process)
}

// frameRun offers frames to a method of send.
func (o *cpuOptions) frameRun(ctx context.Context, row *cpuRow) (err error) {
	byKernel := !send.ByDevice(row.Method)
	world, err := wire.New(wire.Config{Queues: row.Queues, Pass: byKernel, Kernel: byKernel})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	c := send.Config{
		Method: row.Method, Unique: true, FrameBytes: send.FrameMin, Batch: batchDefault, Queues: row.Queues,
		Duration: o.duration / 2, Rate: row.OfferedPerSecond, Sleep: true,
		Gateway: world.Gateway, Enter: world.Enter, Source: wire.Sources.Addr().Next(), Targets: wire.Targets,
	}
	err = world.Enter(func() (err error) {
		if c.Interface, err = net.InterfaceByName(wire.Interface); err != nil || byKernel {
			return err
		}
		r := sendRow{Method: row.Method, Queues: row.Queues, Batch: batchDefault}
		c.Device, err = openSender(deviceConfig(wire.Interface, wire.Sources, &r), &r)
		return err
	})
	if err != nil {
		return err
	}
	if c.Device != nil {
		defer func() { err = errors.Join(err, world.Enter(c.Device.Close)) }()
	}
	m, err := send.Run(ctx, c)
	if err != nil {
		return err
	}
	far, err := world.Settle(m.Sent)
	if err != nil {
		return err
	}
	row.Done = min(m.Sent, far.Malformed) // UDP is nothing that the far end knows
	row.Seconds, row.AchievedPerSecond, row.Failed, row.Busy = m.Elapsed.Seconds(), perSecond(row.Done, m.Elapsed), m.Refused, m.Machine.Busy()
	return row.columns(world, m.Machine, m.Process)
}

// columns takes over what all rows have, and what the far end's program took,
// of all of the machine's cores.
func (r *cpuRow) columns(world *wire.World, machine usage.Whole, own usage.CPU) error {
	r.UserSeconds, r.SystemSeconds = own.User.Seconds(), own.System.Seconds()
	r.Interfaces, r.Destinations = 1, "unique"
	r.CPU(machine, own, len(machine.Cores))
	far, err := world.FarEnd.Counters()
	if err != nil {
		return err
	}
	traffic, connections := report.TrafficOf(&far), r.Done
	if r.Work == "frames" {
		traffic, connections = report.Traffic{Out: r.Done, OutWire: r.Done * (send.FrameMin + report.Onwire)}, 0
	}
	r.Rates(traffic, connections, time.Duration(r.Seconds*float64(time.Second)))
	took, err := world.FarEnd.Took()
	if r.FarEndSeconds = took.Seconds(); r.Seconds > 0 {
		r.CPUFarEnd = report.Some(r.FarEndSeconds / (float64(max(r.ClientCores, 1)) * r.Seconds))
	}
	return err
}
