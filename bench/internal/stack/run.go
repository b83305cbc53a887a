package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"runtime/pprof"
	"time"

	"myriad/bench/internal/report"
	"myriad/tcpclient"
)

// Config of a run.
type Config struct {
	InFlight int // connections, 1 or more
	Lives    int // connections that are measured, after as many as are in flight
	Batch    int // frames moved in one turn
}

// Result of a run.
type Result struct {
	Lives      uint64
	Ours       time.Duration // processor time of our code
	Device     time.Duration // … of the device, in the same span
	Components []Component   // shares of Ours, by samples
	Samples    int64
	Mallocs    uint64 // in the same span
	// Traffic is what went over the device in the same span; its bytes are those
	// that a wire would have carried.
	Traffic report.Traffic
	Stats   tcpclient.Stats
}

// PerLife is our code's time for one connection.
func (r *Result) PerLife() float64 {
	return float64(r.Ours.Nanoseconds()) / float64(max(r.Lives, 1))
}

// Run measures once, on the calling goroutine. When ctx ends it returns what was
// measured until then.
func Run(ctx context.Context, c Config) (result Result, err error) {
	if c.InFlight < 1 || c.Lives < 1 || c.Batch < 1 || c.Batch > batchMost {
		return result, fmt.Errorf("stack: %d in flight, %d lives, batches of %d: the first two are 1 or more, the last within 1 and %d", c.InFlight, c.Lives, c.Batch, batchMost)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	d := newDevice(c.InFlight)
	p := &prober{inFlight: c.InFlight}
	client, err := tcpclient.New(tcpclient.Config{
		Interfaces: []tcpclient.Interface{{
			Device: d, Sources: []netip.Prefix{netip.MustParsePrefix("198.18.0.0/24")}, GatewayMAC: theirMAC[:],
		}},
		Batch: c.Batch, ConnectionsMax: c.InFlight + 4*batchMost, Manual: true,
	}, func(*tcpclient.Worker) tcpclient.Handler { return p })
	if err != nil {
		return result, fmt.Errorf("stack: %w", err)
	}
	if err := client.Start(); err != nil {
		return result, fmt.Errorf("stack: %w", err)
	}
	defer func() { err = errors.Join(err, end(client)) }()
	turns(ctx, client, p, uint64(c.InFlight))
	if err := measure(ctx, client, d, p, c.Lives, &result); err != nil {
		return result, err
	}
	d.keep = 0
	result.Stats = client.Stats()
	return result, p.err
}

// measure takes the time of so many lives.
func measure(ctx context.Context, client *tcpclient.Client, d *device, p *prober, lives int, result *Result) error {
	var profile bytes.Buffer
	runtime.GC()
	if err := pprof.StartCPUProfile(&profile); err != nil {
		return fmt.Errorf("stack: %w", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	went := d.traffic()
	spent, done, began := d.spent, p.done, threadTime()
	turns(ctx, client, p, done+uint64(lives))
	took := threadTime() - began
	runtime.ReadMemStats(&after)
	pprof.StopCPUProfile()
	result.Lives, result.Device = p.done-done, d.spent-spent
	result.Ours = took - result.Device
	result.Mallocs = after.Mallocs - before.Mallocs
	result.Traffic = d.traffic().Since(went)
	var err error
	result.Components, result.Samples, err = components(&profile)
	return err
}

// turns has the client work until so many connections are done.
func turns(ctx context.Context, client *tcpclient.Client, p *prober, until uint64) {
	for n := 0; p.done < until && p.err == nil; n++ {
		client.Step()
		if n%256 == 0 && ctx.Err() != nil {
			return
		}
	}
}

// end closes the client; what is open is reset.
func end(client *tcpclient.Client) error {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if err := client.Close(done); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("stack: %w", err)
	}
	return nil
}
