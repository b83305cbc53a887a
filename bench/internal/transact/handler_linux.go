package transact

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"myriad/tcpclient"
)

// Phases of a run.
const (
	connecting = iota
	measuring
	over
)

// handler has one exchange after the other on each connection of its worker.
type handler struct {
	replyBytes int
	request    tcpclient.RequestID
	phase      *atomic.Int32
	stood      atomic.Int32
	failed     atomic.Uint64
	lastReason atomic.Uint32

	conns []exchange // by Event.User
	times histogram
	sends []tcpclient.Send
	sent  []tcpclient.Sent
}

// exchange is a connection's.
type exchange struct {
	id   tcpclient.ID
	sent time.Duration
	got  int
}

func (h *handler) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	h.sends = h.sends[:0]
	phase := h.phase.Load()
	for k := range events {
		e := &events[k]
		c := &h.conns[e.User]
		switch e.Kind {
		case tcpclient.Connected:
			c.id = e.Conn
			h.stood.Add(1)
		case tcpclient.Data:
			if c.got += len(e.Data); c.got > h.replyBytes {
				h.failed.Add(1)
			}
			if c.got >= h.replyBytes && phase == measuring {
				h.times.record(w.Now() - c.sent)
				h.ask(w, c)
			}
		case tcpclient.EndOfStream, tcpclient.Failed, tcpclient.Closed:
			if phase != over {
				h.failed.Add(1)
				h.lastReason.Store(uint32(e.Reason))
			}
		}
	}
	h.flush(w)
}

// ask has the connection's next request sent with the batch.
func (h *handler) ask(w *tcpclient.Worker, c *exchange) {
	c.got, c.sent = 0, w.Now()
	h.sends = append(h.sends, tcpclient.Send{Conn: c.id, Request: h.request})
}

func (h *handler) flush(w *tcpclient.Worker) {
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

// start sends each connection's first request.
func (h *handler) start(w *tcpclient.Worker) {
	h.sends = h.sends[:0]
	for k := range h.conns {
		h.ask(w, &h.conns[k])
	}
	h.flush(w)
}

// dialTimeout bounds the wait for all connections to stand.
const dialTimeout = 30 * time.Second

// opening is how many connections are opened at a time: the server's listener
// queues 4,096.
const opening = 512

// client is a Handler's, on one queue.
func (w *world) client(h *handler, c *Case) (client *tcpclient.Client, err error) {
	cfg := config(w, c)
	err = w.near.Do(func() (err error) {
		client, err = tcpclient.New(cfg, func(*tcpclient.Worker) tcpclient.Handler { return h })
		return err
	})
	if err != nil {
		return nil, err
	}
	if h.request, err = client.Intern(make([]byte, RequestBytes)); err != nil {
		return nil, err
	}
	return client, client.Start()
}

func config(w *world, c *Case) tcpclient.Config {
	return tcpclient.Config{
		Interfaces: []tcpclient.Interface{{
			Name: nearName, Backend: "afxdp", Sources: []netip.Prefix{sources}, GatewayMAC: w.pair.FarMAC,
			ReceiveFrames: receiveFrames(c),
		}},
		ConnectionsMax: max(1024, 2*c.Connections),
		BufferMemory:   max(bufferMin, 2*c.Connections*c.ReplyBytes),
	}
}

// The receive frames of our queue, of 2 KiB each: 1 GiB at most, which the kernel's
// sockets may take as well.
const (
	framesMin = 4096
	framesMax = 1 << 19
)

// bufferMin is what our connections share at least for what is not read yet:
// twice the replies, as sockets' buffers hold as much.
const bufferMin = 64 << 20

// receiveFrames is room for a reply on each connection, which the server sends
// whether we are awake or not: the kernel's clients have their sockets' buffers
// for that. It is a power of two.
func receiveFrames(c *Case) int {
	segments := 1 + (c.ReplyBytes+segmentBytes-1)/segmentBytes // and the request's ACK
	return min(max(1<<bits.Len(uint(c.Connections*segments-1)), framesMin), framesMax)
}

// segmentBytes is what of a reply goes into a segment, with timestamps.
const segmentBytes = 1448

// runHandler measures Myriad's Handler face.
func (w *world) runHandler(ctx context.Context, c *Case, r *Result) (err error) {
	if err := w.serve(c); err != nil {
		return err
	}
	var phase atomic.Int32
	h := &handler{replyBytes: c.ReplyBytes, phase: &phase, conns: make([]exchange, c.Connections)}
	client, err := w.client(h, c)
	if client == nil {
		return err
	}
	closed := false
	end := func() error {
		if closed {
			return nil
		}
		closed = true
		return cut(client.Close)
	}
	defer func() { err = errors.Join(err, end()) }()
	if err != nil {
		return err
	}
	if err := openAll(ctx, client, h); err != nil {
		return err
	}
	m, err := w.start(inProcess)
	if err != nil {
		return err
	}
	phase.Store(measuring)
	if err := client.Do(0, h.start); err != nil {
		return err
	}
	took := wait(ctx, c.Duration)
	if err := m.stop(r, took); err != nil {
		return err
	}
	phase.Store(over)
	if err := end(); err != nil { // then the histogram is ours
		return err
	}
	r.Failed = h.failed.Load()
	r.fill(&h.times, took)
	r.DroppedByDevice = droppedByDevice(client)
	return client.Err()
}

func droppedByDevice(client *tcpclient.Client) (total uint64) {
	for name, n := range client.Stats().Drops {
		if strings.HasPrefix(name, "device_") {
			total += n
		}
	}
	return total
}

// cut ends a client at once: connections that stand are reset.
func cut(end func(context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := end(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// openAll opens the connections and waits until they stand.
func openAll(ctx context.Context, client *tcpclient.Client, h *handler) error {
	errs := make([]error, opening)
	limit := time.Now().Add(dialTimeout)
	for opened := 0; opened < len(h.conns); {
		n := min(opening, len(h.conns)-opened)
		opens := make([]tcpclient.Open, n)
		for k := range opens {
			opens[k] = tcpclient.Open{Remote: server, User: uint64(opened + k)}
		}
		client.Open(opens, errs[:n])
		if err := errors.Join(errs[:n]...); err != nil {
			return err
		}
		opened += n
		for int(h.stood.Load()) < opened {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case h.failed.Load() > 0:
				return fmt.Errorf("a connection ended before all stood: %v", tcpclient.Reason(h.lastReason.Load()))
			case time.Now().After(limit):
				return fmt.Errorf("%d of %d connections stood after %v", h.stood.Load(), len(h.conns), dialTimeout)
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}
