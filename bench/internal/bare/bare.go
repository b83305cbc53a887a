package bare

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"myriad/bench/internal/usage"
	"myriad/iobackend"
)

// Config describes a run.
type Config struct {
	// Sources are the client's addresses, Targets those that are connected
	// to on Port; IPv4.
	Sources, Targets netip.Prefix
	Port             uint16
	Gateway          net.HardwareAddr
	// Request is sent with the handshake's ACK; nil is handshake only.
	Request []byte
	// Separate sends the handshake's ACK by itself, before the request.
	Separate bool
	// Fin ends connections by FIN, and by RST otherwise.
	Fin bool
	// Window is the number of connections at one time, over all queues;
	// Batch the frames moved in one turn.
	Window, Batch int
	Duration      time.Duration
	// Limit, when not 0, is the number of connections after which a run ends,
	// before Duration is over.
	Limit int
}

// Result is what a run measured.
type Result struct {
	Elapsed           time.Duration
	Opened, Completed uint64
	Other             uint64 // frames received that were no answer
	Wrong             uint64 // frames received with a wrong checksum
	Counters          iobackend.Counters
	Process           usage.CPU
	Machine           usage.Whole
}

// Run opens connections over every queue of a device, for the duration or until
// ctx ends.
func Run(ctx context.Context, device iobackend.Device, c Config) (r Result, err error) {
	if c.Batch < 1 || c.Window < 1 || c.Limit < 0 {
		return r, fmt.Errorf("bare: Batch %d and Window %d must both be above 0, and Limit %d not below it", c.Batch, c.Window, c.Limit)
	}
	info := device.Info()
	if c.Limit > 0 && c.Limit < info.Queues {
		return r, fmt.Errorf("bare: Limit %d is below one connection for each of %d queues", c.Limit, info.Queues)
	}
	workers := make([]*worker, info.Queues)
	for k := range workers {
		workers[k] = newWorker(device, &c, k)
	}
	process, machine := usage.Process(), usage.Machine()
	began := time.Now()
	var wait sync.WaitGroup
	for _, w := range workers {
		wait.Go(func() { w.run(ctx.Done(), c.Duration) })
	}
	wait.Wait()
	r.Elapsed = time.Since(began)
	r.Process, r.Machine = usage.Process().Since(process), usage.Machine().Since(machine)
	for k, w := range workers {
		if w.err != nil {
			return r, fmt.Errorf("bare: queue %d: %w", k, w.err)
		}
		r.Opened += w.opened
		r.Completed += w.completed
		r.Other += w.other
		r.Wrong += w.wrong
		add(&r.Counters, device.Queue(k).Counters())
	}
	return r, nil
}

func newWorker(device iobackend.Device, c *Config, k int) *worker {
	info := device.Info()
	from := info.HardwareAddr
	return &worker{
		queue: device.Queue(k), config: c,
		syn:     newShape(from, c.Gateway, flagSYN, synOptions, nil),
		ack:     newShape(from, c.Gateway, flagACK, nil, nil),
		request: newShape(from, c.Gateway, flagACK|flagPSH, nil, c.Request),
		rst:     newShape(from, c.Gateway, flagACK|flagRST, nil, nil),
		fin:     newShape(from, c.Gateway, flagACK|flagFIN, nil, nil),
		limit:   share(c.Limit, k, info.Queues),
		rx:      make([]iobackend.Frame, c.Batch),
		tx:      make([]iobackend.Frame, 2*c.Batch),
		source:  number(c.Sources.Masked().Addr()), sources: hosts(c.Sources),
		target: number(c.Targets.Masked().Addr()), targets: hosts(c.Targets),
		first: k, next: uint32(k), step: uint32(info.Queues),
	}
}

// share is queue k's part of a total.
func share(total, k, queues int) uint64 {
	n := total / queues
	if k < total%queues {
		n++
	}
	return uint64(n)
}

// add adds up the counters that matter here.
func add(to *iobackend.Counters, c iobackend.Counters) {
	to.FramesReceived += c.FramesReceived
	to.FramesSent += c.FramesSent
	to.HandedOver += c.HandedOver
	to.DropRingFull += c.DropRingFull
	to.DropFillEmpty += c.DropFillEmpty
	to.DropInvalid += c.DropInvalid
	to.DropTransmit += c.DropTransmit
	to.Kicks += c.Kicks
	to.Waits += c.Waits
}

// hosts is the mask of the part of a prefix that varies.
func hosts(p netip.Prefix) uint32 { return uint32(uint64(1)<<(32-p.Bits()) - 1) }
