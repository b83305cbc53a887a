package latency

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"myriad/bench/internal/usage"
	"myriad/bench/internal/wire"
	"myriad/iobackend"
	"myriad/iobackend/afxdp"
	"myriad/tcpclient"
)

// dialTimeout bounds the wait for all connections to stand.
const dialTimeout = 30 * time.Second

// near is our side: a client whose application answers each request.
type near struct {
	world   *wire.World
	client  *tcpclient.Client
	device  *timedDevice
	handler *answering
}

// openNear starts a client in the near namespace.
func openNear(w *wire.World, c *Case) (n *near, err error) {
	n = &near{world: w, handler: &answering{got: make([]int, ConnectionsMax)}}
	cfg := tcpclient.Config{Batch: c.Batch, ConnectionsMax: 4 * ConnectionsMax}
	if c.Poll {
		cfg.BusyPoll = time.Hour
	}
	err = w.Enter(func() error {
		device, err := afxdp.OpenWith(iobackend.Config{
			Interface: wire.Interface, Addresses: []netip.Prefix{wire.Sources}, Queues: 1,
		}, afxdp.Options{Live: c.Live})
		if err != nil {
			return err
		}
		n.device = newTimedDevice(device)
		cfg.Interfaces = []tcpclient.Interface{{Device: n.device, Sources: []netip.Prefix{wire.Sources}, GatewayMAC: w.Gateway}}
		if n.client, err = tcpclient.New(cfg, func(*tcpclient.Worker) tcpclient.Handler { return n.handler }); err != nil {
			return errors.Join(err, device.Close())
		}
		if n.handler.reply, err = n.client.Intern(make([]byte, messageBytes)); err == nil {
			err = n.client.Start()
		}
		return err
	})
	if err != nil && n.client != nil {
		err = errors.Join(err, n.close())
	}
	return n, err
}

// connect opens the connections.
func (n *near) connect() error {
	opens, errs := make([]tcpclient.Open, ConnectionsMax), make([]error, ConnectionsMax)
	for k := range opens {
		opens[k] = tcpclient.Open{Remote: server, User: uint64(k)}
	}
	n.client.Open(opens, errs)
	return errors.Join(errs...)
}

// own is what a worker says of itself.
type own struct {
	turns         *hdrhistogram.Histogram // since the last time
	framesPerTurn float64
	used          usage.CPU // by its thread
}

// own has the worker begin a new count of its turns, and returns the last one.
func (n *near) own(ctx context.Context) (o own, err error) {
	done := make(chan struct{})
	err = n.client.Do(0, func(*tcpclient.Worker) {
		q := &n.device.queue
		o.turns, o.used = q.own, usage.Thread()
		if q.turns > 0 {
			o.framesPerTurn = float64(q.own.TotalCount()) / float64(q.turns)
		}
		q.own, q.turns = newHistogram(), 0
		close(done)
	})
	if err != nil {
		return own{}, err
	}
	select {
	case <-done:
		return o, nil
	case <-ctx.Done():
		return own{}, ctx.Err()
	}
}

func (n *near) close() error {
	cut, cancel := context.WithCancel(context.Background())
	cancel() // a measurement ends when its time is over
	err := n.world.Enter(func() error { return n.client.Close(cut) })
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// answering is the application.
type answering struct {
	reply  tcpclient.RequestID
	got    []int // bytes of each connection's request under way, by Event.User
	sends  []tcpclient.Send
	sent   []tcpclient.Sent
	failed atomic.Uint64
}

func (h *answering) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	h.sends = h.sends[:0]
	for k := range events {
		e := &events[k]
		switch e.Kind {
		case tcpclient.Data:
			got := h.got[e.User] + len(e.Data)
			for ; got >= messageBytes; got -= messageBytes {
				h.sends = append(h.sends, tcpclient.Send{Conn: e.Conn, Request: h.reply})
			}
			h.got[e.User] = got
		case tcpclient.Failed:
			h.failed.Add(1)
		}
	}
	if len(h.sends) == 0 {
		return
	}
	if len(h.sent) < len(h.sends) {
		h.sent = make([]tcpclient.Sent, 2*len(h.sends))
	}
	w.Send(h.sends, h.sent)
	for k := range h.sends {
		if h.sent[k].Err != nil {
			h.failed.Add(1)
		}
	}
}

// timedDevice measures the turns of its only queue's worker.
type timedDevice struct {
	iobackend.Device
	queue timedQueue
}

func newTimedDevice(d iobackend.Device) *timedDevice {
	return &timedDevice{Device: d, queue: timedQueue{Queue: d.Queue(0), own: newHistogram()}}
}

func (d *timedDevice) Queue(int) iobackend.Queue { return &d.queue }

type timedQueue struct {
	iobackend.Queue
	taken int
	at    time.Time
	own   *hdrhistogram.Histogram // a value for each frame
	turns uint64
}

func (q *timedQueue) Receive(frames []iobackend.Frame) (int, time.Duration, error) {
	n, at, err := q.Queue.Receive(frames)
	if q.taken = n; n > 0 {
		q.at = time.Now()
	}
	return n, at, err
}

func (q *timedQueue) Transmit(frames []iobackend.Frame) error {
	err := q.Queue.Transmit(frames)
	if q.taken > 0 {
		record(q.own, int64(time.Since(q.at)), int64(q.taken))
		q.taken = 0
		q.turns++
	}
	return err
}
