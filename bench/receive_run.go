package main

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"time"

	"myriad/bench/internal/page"
	"myriad/bench/internal/receive"
	"myriad/bench/internal/report"
	"myriad/bench/internal/send"
	"myriad/bench/internal/usage"
	"myriad/bench/internal/wire"
	"myriad/iobackend"
)

// receiveWorld is a receiver at the near end and a generator at the far one.
type receiveWorld struct {
	*wire.World
	row       *receiveRow
	device    iobackend.Device
	receiver  *receive.Receiver
	generator *net.Interface
	before    deviceDrops
	sent      uint64
}

// run does one run in a world of its own.
func (o *receiveOptions) run(ctx context.Context, row *receiveRow) (err error) {
	w := &receiveWorld{row: row}
	if w.World, err = wire.New(wire.Config{Queues: row.Queues}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	err = w.Enter(func() (err error) {
		w.device, err = openDevice(row.Backend, iobackend.Config{
			Interface: wire.Interface, Addresses: []netip.Prefix{wire.Sources},
			Queues: row.Queues, ReceiveFrames: row.Pool,
		})
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Enter(w.device.Close)) }()
	err = w.EnterFar(func() (err error) {
		w.generator, err = net.InterfaceByName(wire.FarInterface)
		return err
	})
	if err != nil {
		return err
	}
	return w.measure(ctx, o)
}

// measure receives what is sent, and counts.
func (w *receiveWorld) measure(ctx context.Context, o *receiveOptions) (err error) {
	row := w.row
	if w.before, err = w.deviceDrops(); err != nil {
		return err
	}
	w.receiver, err = receive.Start(receive.Config{
		Device: w.device, Batch: row.Batch, Held: min(imbalanceHeld, row.Pool*3/4),
		Capacity: float64(row.Capacity), Threshold: row.Threshold,
		CPUs: max(runtime.NumCPU()-1, 1), Valid: sentByGenerator,
	})
	if err != nil {
		return err
	}
	machine := usage.Machine()
	if row.Table == "burst" {
		err = w.bursts(ctx)
	} else {
		err = w.offer(ctx, o.duration)
	}
	machine = usage.Machine().Since(machine)
	queues, stopped := w.receiver.Stop()
	if err = errors.Join(err, stopped); err != nil {
		return err
	}
	row.MachineSeconds = (machine.User + machine.System).Seconds()
	row.columns(machine, queues)
	row.Sent = w.sent
	after, err := w.deviceDrops()
	row.fill(queues, after.since(w.before))
	return err
}

// columns are those that all rows have. The generator has the last processor, for
// itself where there are two.
func (r *receiveRow) columns(machine usage.Whole, queues []receive.Queue) {
	var own usage.CPU
	for _, q := range queues {
		own.User += q.CPU.User
		own.System += q.CPU.System
	}
	r.Interfaces, r.Destinations, r.FrameBytes = 1, "one", report.Some(send.FrameMin)
	if r.Table == "rate" {
		r.Destinations = "unique"
	}
	last := len(machine.Cores) - 1
	r.CPU(machine, own, max(min(r.Queues, last), 1))
	if last < 1 {
		return
	}
	r.FarEndCore(machine, last)
}

// settleMost bounds the wait for what is on its way.
const settleMost = 5 * time.Second

// offer sends at the rate for the duration: to one address and port under
// imbalance, so that all arrives on one queue, and to many otherwise.
func (w *receiveWorld) offer(ctx context.Context, duration time.Duration) error {
	result, err := w.send(ctx, max(int(w.row.Offered*duration.Seconds()), 1), w.row.Offered, w.row.Table == "rate")
	w.receiver.Settle(settleMost)
	w.row.Seconds = result.Elapsed.Seconds()
	w.row.SentPerSecond = perSecond(result.Sent, result.Elapsed)
	// What is left when sending ends is taken within its own time.
	taken := w.receiver.Taken()
	w.row.Rates(report.Traffic{In: taken, InWire: taken * (send.FrameMin + report.Onwire)}, 0, result.Elapsed)
	return err
}

// bursts looks for the longest burst taken without loss, by halving, up to four
// times the pool.
func (w *receiveWorld) bursts(ctx context.Context) error {
	began := time.Now()
	least, most := 0, 4*w.row.Pool
	for most-least > max(w.row.Pool/64, 1) && ctx.Err() == nil {
		n := (least + most + 1) / 2
		whole, err := w.burst(ctx, n)
		if err != nil {
			return err
		}
		if whole {
			least = n
		} else {
			most = n
		}
	}
	w.row.Burst, w.row.Seconds = least, time.Since(began).Seconds()
	return nil
}

// burst sends frames at once while the application looks away, and reports
// whether all of them arrive when it looks again.
func (w *receiveWorld) burst(ctx context.Context, n int) (bool, error) {
	before := w.receiver.Taken()
	w.receiver.Pause()
	result, err := w.send(ctx, n, 0, false)
	w.receiver.Resume()
	w.receiver.Settle(settleMost)
	return err == nil && w.receiver.Taken()-before == result.Sent, err
}

// send has the generator send, on the last processor.
func (w *receiveWorld) send(ctx context.Context, count int, rate float64, unique bool) (send.Result, error) {
	result, err := send.Run(ctx, send.Config{
		Method: "packet-batch", Interface: w.generator, Gateway: w.Near,
		Source: wire.Targets.Addr().Next(), Targets: wire.Sources, Unique: unique, ByFlow: unique,
		FrameBytes: send.FrameMin, Batch: 32, Queues: 1, FirstCPU: max(runtime.NumCPU()-1, 0),
		Count: count, Rate: rate, Enter: w.EnterFar,
	})
	w.sent += result.Sent
	return result, err
}

// sentByGenerator tells the generator's frames by their length, protocol and
// destination port.
func sentByGenerator(frame []byte) bool {
	const protocolAt, portAt = 23, 36
	return len(frame) == send.FrameMin-4 && frame[protocolAt] == 17 &&
		uint(binary.BigEndian.Uint16(frame[portAt:]))-send.PortFirst < send.Ports
}

// fill takes over what the queues counted, and device, which counts what its own
// ring lost together with what our sockets did.
func (r *receiveRow) fill(queues []receive.Queue, device deviceDrops) {
	for _, q := range queues {
		r.Taken += q.Taken
		r.DropApplication += q.Other
		r.HandedOver += q.HandedOver
		r.ReceiverSeconds += (q.CPU.User + q.CPU.System).Seconds()
		r.DropRingFull += q.Device.DropRingFull
		r.DropFillEmpty += q.Device.DropFillEmpty
		r.DropInvalid += q.Device.DropInvalid
		r.PerQueue = append(r.PerQueue, receiveQueue{
			Taken: q.Taken, HandedOver: q.HandedOver, HeldMost: q.HeldMost,
			DropRingFull: q.Device.DropRingFull, DropFillEmpty: q.Device.DropFillEmpty,
		})
	}
	r.DropDevice = device.transmit
	if sockets := r.DropRingFull + r.DropFillEmpty + r.DropInvalid; r.Backend == "afxdp" && device.receive > sockets {
		r.DropDevice += device.receive - sockets
	}
	seen := r.Taken + r.DropDevice + r.DropRingFull + r.DropFillEmpty + r.DropInvalid
	r.Unaccounted = r.Sent - min(r.Sent, seen)
	r.judge()
}

// judge says what makes the figures doubtful: what is asked is what our memory
// and our worker take, not what the wire and the generator do.
func (r *receiveRow) judge() {
	if r.SentPerSecond < 0.95*r.Offered {
		r.Disturb("the generator reached only %s/s", page.Rate(r.SentPerSecond))
	}
	if r.DropDevice > 0 {
		r.Disturb("the device's own ring lost %s", page.Number(r.DropDevice))
	}
	if r.Unaccounted > 0 {
		r.Disturb("seen nowhere: %s", page.Number(r.Unaccounted))
	}
}
