package script

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"myriad/iobackend/simlink"
	"myriad/tcpclient"
)

// The two ends of every script's connections.
const (
	localPort  = 40000
	remotePort = 80
)

var (
	localAddress  = netip.MustParseAddr("10.1.0.1")
	remoteAddress = netip.MustParseAddr("10.2.0.1")
	localMAC      = [6]byte{2, 0, 0, 0, 0, 1}
	remoteMAC     = [6]byte{2, 0, 0, 0, 0, 2}
)

// world is one client on a link in memory whose clock stands still unless it
// is told; the other end of the link is the script's.
type world struct {
	link    *simlink.Link
	stamps  bool // timestamps are offered
	client  *tcpclient.Client
	worker  *tcpclient.Worker
	onEvent func(w *tcpclient.Worker, events []tcpclient.Event)
	onFrame func(at time.Duration, frame []byte)
}

// Events is tcpclient.Handler.
func (w *world) Events(worker *tcpclient.Worker, events []tcpclient.Event) {
	if w.onEvent != nil {
		w.onEvent(worker, events)
	}
}

// receiveFrames is what the client's device has room for. A small ring keeps a
// world cheap: thousands of them are made.
const receiveFrames = 64

func newWorld(s *Settings, clock time.Duration) (w *world, err error) {
	w = &world{stamps: s.Client.Timestamps}
	ends := []simlink.EndConfig{{ReceiveFrames: receiveFrames, SendFrames: 64, Segments: s.Segments}, {ReceiveFrames: 8, SendFrames: 8}}
	frame := 2048
	if s.MTU > 1800 {
		frame = s.MTU + 64
	}
	w.link, err = simlink.New(simlink.Config{Ends: ends, Seed: 1, Debug: true, Start: clock, MTU: s.MTU, FrameBytes: frame})
	if err != nil {
		return nil, err
	}
	cfg := s.Client
	cfg.Interfaces = []tcpclient.Interface{{
		Device: w.link.End(0), Sources: []netip.Prefix{netip.PrefixFrom(localAddress, 32)}, GatewayMAC: remoteMAC[:],
	}}
	cfg.Manual, cfg.Batch = true, 64
	if cfg.ConnectionsMax == 0 {
		cfg.ConnectionsMax = 8
	}
	if cfg.Seed == 0 {
		cfg.Seed = 1
	}
	w.client, err = tcpclient.New(cfg, func(worker *tcpclient.Worker) tcpclient.Handler {
		w.worker = worker
		return w
	})
	if err != nil {
		return nil, err
	}
	w.link.End(1).OnFrame(func(at time.Duration, frame []byte) {
		if w.onFrame != nil {
			w.onFrame(at, append([]byte(nil), frame...))
		}
	})
	return w, w.client.Start()
}

// do has the worker run f, as an application's goroutine would.
func (w *world) do(f func(*tcpclient.Worker)) error {
	if err := w.client.Do(0, f); err != nil {
		return err
	}
	w.client.Step()
	return nil
}

// turnsMax bounds the turns at one instant: a stack that always finds more to
// do at once never lets time pass.
const turnsMax = 1000

// settle has everything happen that happens at the present instant.
func (w *world) settle() error {
	for range turnsMax {
		_, busy := w.client.Step()
		at, ok := w.link.Clock().NextEvent()
		switch {
		case ok && at <= w.link.Clock().Now():
			w.link.Clock().AdvanceTo(at)
		case !busy:
			return w.client.Err()
		}
	}
	return fmt.Errorf("the client is still busy after %d turns at one instant", turnsMax)
}

// run lets time pass until end, every timer at its instant, or until stop.
func (w *world) run(end time.Duration, stop func() bool) error {
	clock := w.link.Clock()
	for {
		if err := w.settle(); err != nil {
			return err
		}
		if stop != nil && stop() {
			return nil
		}
		next, _ := w.client.Step()
		if next > end {
			break
		}
		clock.AdvanceTo(max(next, clock.Now()+time.Microsecond))
	}
	clock.AdvanceTo(end)
	return w.settle()
}

// close ends the client, and tells what it kept.
func (w *world) close() error {
	w.onFrame, w.onEvent = nil, nil
	cut, cancel := context.WithCancel(context.Background())
	cancel()
	w.client.Close(cut) // its error says that connections were reset
	if n := w.link.Leaked(); n != 0 {
		return fmt.Errorf("%d received frames were not released", n)
	}
	stats := w.client.Stats()
	if stats.Counters["side_records"] > 0 && w.stamps {
		return nil // TIME-WAIT keeps the record that holds the timestamps
	}
	for _, name := range []string{"side_records", "buffer_bytes"} {
		if n := stats.Counters[name]; n != 0 {
			return fmt.Errorf("%s is %d after the end", name, n)
		}
	}
	return nil
}

// isnKeys are the part of an ISN that does not follow the clock, by seed.
var isnKeys sync.Map

// clockFor finds when the clock must start for the first connection's ISN to
// be isn. An ISN is a clock of 4 µs plus a constant per 4-tuple (RFC 6528), so
// one SYN tells.
func clockFor(s *Settings, isn uint32) (time.Duration, error) {
	const tick = 4 * time.Microsecond
	key, ok := isnKeys.Load(s.Client.Seed)
	if !ok {
		first, err := firstISN(s)
		if err != nil {
			return 0, err
		}
		key = first - uint32(time.Hour/tick)
		isnKeys.Store(s.Client.Seed, key)
	}
	now := s.Clock / tick
	wait := isn - (uint32(now) + key.(uint32))
	return (now + time.Duration(wait)) * tick, nil
}

func firstISN(s *Settings) (isn uint32, err error) {
	plain := defaultSettings()
	plain.Client.Seed = s.Client.Seed
	w, err := newWorld(&plain, time.Hour)
	if err != nil {
		return 0, err
	}
	err = fmt.Errorf("no SYN was sent")
	w.onFrame = func(_ time.Duration, frame []byte) {
		var g *segment
		if g, err = decode(frame); err == nil {
			isn = g.seq
		}
	}
	if e := w.do(func(worker *tcpclient.Worker) {
		worker.Open([]tcpclient.Open{openDefault()}, make([]tcpclient.Opened, 1))
	}); e != nil {
		return 0, e
	}
	if e := w.settle(); e != nil {
		return 0, e
	}
	if e := w.close(); e != nil {
		return 0, e
	}
	return isn, err
}

func openDefault() tcpclient.Open {
	return tcpclient.Open{
		Remote: netip.AddrPortFrom(remoteAddress, remotePort),
		Local:  netip.AddrPortFrom(localAddress, localPort),
	}
}
