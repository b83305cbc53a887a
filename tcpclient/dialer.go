package tcpclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Dialer opens connections that ordinary Go code can use: it gives out
// net.Conns that run over a Client of its own. The zero value with the name of
// an interface is ready:
//
//	d := &tcpclient.Dialer{Interface: "eth0"}
//	defer d.Close()
//	web := &http.Client{Transport: &http.Transport{DialContext: d.DialContext}}
//
// The Client is made and started by the first dial. The fields may be set
// until then, and not afterwards; a Dialer must not be copied. Any number of
// goroutines may call its methods.
//
// Only IPv4 is spoken so far: the networks are "tcp" and "tcp4".
type Dialer struct {
	// Interface and Sources are a short form of Config.Interfaces, for one
	// device: its name, and the addresses on it that are ours and not the
	// kernel's. With no Sources the device's own address is shared with the
	// kernel (see Interface.Sources in this package).
	Interface string
	Sources   []netip.Prefix
	// Config is what the Client is made with.
	Config Config
	// Threads gives each worker a thread and, where there are enough, a processor
	// of its own, as those below a Handler have. Otherwise Interface.Park is set
	// for every interface: workers are goroutines among those that use the
	// connections, and who dials, writes or closes while the worker sleeps takes its
	// turn himself.
	// That is several times as fast for few connections. Threads are better where
	// about as many goroutines as processors compute without a pause, or where
	// thousands of connections are busy at once (figures in bench/README.md,
	// "Dialer").
	Threads bool

	// Local chooses the source address or port or both of every connection;
	// what is zero is chosen by the client.
	Local netip.AddrPort
	// Timeout limits one dial, the look-up of the name included; several
	// addresses of a name share it. Without it (0) and without a deadline in
	// the context, a peer that does not answer costs Config.SYNRetries.
	Timeout time.Duration
	// Resolver looks names up. When nil a name is a *net.DNSError: the
	// kernel's network is never used unasked. NewResolver makes one whose
	// queries go over Myriad; net.DefaultResolver uses the kernel's network.
	Resolver *net.Resolver
	// ReadBuffer is the number of bytes that one connection may hold unread
	// before its peer's window closes: 256 KiB. Where all connections of a worker
	// hold its share of Config.BufferMemory, in blocks of 16 KiB, it closes at
	// once, until the connection's own reader has taken what there is; half a
	// block each may always hold. The batch in which a bound is reached may exceed
	// it, by no more than the window that a connection had.
	ReadBuffer int

	mu       sync.Mutex
	engine   engine
	handlers []*dialHandler
	closed   bool
	shut     chan struct{} // closed when the engine has ended

	next atomic.Uint32 // the worker of the next dial
}

const (
	readBufferDefault = 256 << 10
	// closeGrace is how long Dialer.Close waits for connections to end in
	// order; long enough for data and FIN to be sent again a few times.
	closeGrace = 5 * time.Second
)

// engine is what a Dialer asks of a Client.
type engine interface {
	// kick has h.serve called on the goroutine of h's worker, soon.
	kick(h *dialHandler) error
	// help is kick on the caller's goroutine, at once; false: not now.
	help(h *dialHandler) bool
	close(ctx context.Context) error
}

// clientEngine is the engine of everyday life.
type clientEngine struct{ *Client }

// kick tells of a worker that has failed why it did.
func (e clientEngine) kick(h *dialHandler) error {
	err := e.Do(h.index, h.onWorker)
	if failure := e.Err(); failure != nil && errors.Is(err, ErrClosed) {
		return failure
	}
	return err
}

func (e clientEngine) help(h *dialHandler) bool { return e.workers[h.index].help(h.onWorker) }

func (e clientEngine) close(ctx context.Context) error { return e.Close(ctx) }

// Client starts the Dialer where that has not happened yet, and returns the
// Client it runs on, for Stats, Workers and Do. Its connections are the
// Dialer's; close the Dialer, not the Client. Without Threads a function given to
// Do may be called on the goroutine of whoever dials, writes or closes just then,
// in the worker's stead.
func (d *Dialer) Client() (*Client, error) {
	e, err := d.start()
	if err != nil {
		return nil, err
	}
	return e.(clientEngine).Client, nil
}

// Stats are the Client's, and among Counters, as unread_held_back, how many
// times a connection's window was closed because what all hold unread had come
// to Config.BufferMemory; zero before the first dial.
func (d *Dialer) Stats() Stats {
	d.mu.Lock()
	e, ok := d.engine.(clientEngine)
	handlers := d.handlers
	d.mu.Unlock()
	if !ok {
		return Stats{}
	}
	s := e.Stats()
	for _, h := range handlers {
		s.Counters["unread_held_back"] += h.holding.held.Load()
	}
	return s
}

// Close is Shutdown with five seconds for the connections to end in order.
func (d *Dialer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	return d.Shutdown(ctx)
}

// Shutdown ends every connection in order (those that have not ended when ctx
// does, with RST) and closes the device. Dials and calls of connections then
// return net.ErrClosed. It may be called twice, and before any dial; a
// Dialer that is closed stays closed. It returns the context's error if it
// had to reset connections.
func (d *Dialer) Shutdown(ctx context.Context) error {
	d.mu.Lock()
	e, first := d.engine, !d.closed
	d.closed = true
	if d.shut == nil {
		d.shut = make(chan struct{})
	}
	d.mu.Unlock()
	if !first {
		select {
		case <-d.shut:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("tcpclient: close: %w", ctx.Err())
		}
	}
	defer close(d.shut)
	if e == nil {
		return nil
	}
	err := e.close(ctx)
	for _, h := range d.handlers { // the workers have ended: all is ours
		h.abandon()
	}
	return err
}

// start returns the engine, which the first call makes. An error is not for
// ever: the next dial tries again.
func (d *Dialer) start() (engine, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return nil, net.ErrClosed
	case d.engine != nil:
		return d.engine, nil
	}
	cfg, err := d.config()
	if err != nil {
		return nil, err
	}
	d.handlers = nil
	client, err := New(cfg, func(w *Worker) Handler {
		h := newDialHandler(d, w.Index())
		d.handlers = append(d.handlers, h)
		return h
	})
	if err != nil {
		return nil, err
	}
	for _, h := range d.handlers {
		h.holding.limit(share(client.cfg.BufferMemory, len(d.handlers)))
	}
	if err := client.Start(); err != nil {
		client.Close(context.Background())
		return nil, err
	}
	d.engine = clientEngine{client}
	return d.engine, nil
}

// config is Config with the short forms put in, or what is wrong with it.
func (d *Dialer) config() (Config, error) {
	cfg := d.Config
	cfg.Interfaces = slices.Clone(cfg.Interfaces)
	switch {
	case d.ReadBuffer < 0:
		return cfg, fmt.Errorf("tcpclient: Dialer.ReadBuffer %d is negative; leave it 0 for %d", d.ReadBuffer, readBufferDefault)
	case d.Timeout < 0:
		return cfg, fmt.Errorf("tcpclient: Dialer.Timeout %v is negative; leave it 0 for none", d.Timeout)
	case d.Interface == "" && len(d.Sources) > 0:
		return cfg, fmt.Errorf("tcpclient: Dialer.Sources are set, but Dialer.Interface is not; name the device they are on")
	case d.Interface == "":
	case len(cfg.Interfaces) > 0:
		return cfg, fmt.Errorf("tcpclient: Dialer.Interface %q and Dialer.Config.Interfaces are both set; set one of them", d.Interface)
	default:
		cfg.Interfaces = []Interface{{Name: d.Interface, Sources: d.Sources}}
	}
	for k := range cfg.Interfaces {
		in := &cfg.Interfaces[k]
		if in.Park && d.Threads {
			return cfg, fmt.Errorf("tcpclient: Dialer.Threads is set, and Park of Config.Interfaces[%d] (%q) too; set one of them", k, in.Name)
		}
		in.Park = !d.Threads
	}
	return cfg, nil
}

// readLimit is how much a connection may hold unread.
func (d *Dialer) readLimit() int {
	if d.ReadBuffer > 0 {
		return d.ReadBuffer
	}
	return readBufferDefault
}

// pick spreads dials over the workers, as Client.workerFor does.
func (d *Dialer) pick() *dialHandler {
	next := int(d.next.Add(1) % uint32(len(d.handlers)))
	return d.handlers[lighter(next, len(d.handlers), func(k int) int32 { return d.handlers[k].waiting.Load() })]
}
