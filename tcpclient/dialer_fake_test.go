package tcpclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"myriad/conntable"
	"myriad/internal/errno"
)

// fakeEngine stands in for a Client: workers that give out events and take
// calls as a Worker does, with the kernel's TCP over loopback below. With it
// the Dialer is tested by itself, without rights.
type fakeEngine struct {
	workers []*fakeWorker
	closed  sync.Once
}

// newFakeDialer gives d workers without a Client.
func newFakeDialer(t testing.TB, d *Dialer, workers int) *fakeEngine {
	e := &fakeEngine{}
	for i := range workers {
		h := newDialHandler(d, i)
		w := &fakeWorker{handler: h, conns: map[ID]*fakeConn{}, ended: make(chan struct{}), pauses: -1}
		w.more.L = &w.mu
		d.handlers = append(d.handlers, h)
		e.workers = append(e.workers, w)
		go w.run()
	}
	d.engine = e
	t.Cleanup(func() { d.Close() })
	return e
}

func (e *fakeEngine) kick(h *dialHandler) error {
	w := e.workers[h.index]
	if w.full.Add(-1) >= 0 {
		return ErrFull
	}
	return w.do(func() { h.serve(w) })
}

func (e *fakeEngine) help(*dialHandler) bool { return false }

func (e *fakeEngine) close(ctx context.Context) error {
	e.closed.Do(func() {
		for _, w := range e.workers {
			w.do(w.shutdown)
			<-w.ended
		}
	})
	return nil
}

// fakeWorker is one goroutine with a list of functions to run.
type fakeWorker struct {
	handler *dialHandler
	mu      sync.Mutex
	more    sync.Cond
	calls   []func()
	done    bool
	full    atomic.Int32 // so many kicks are refused
	ended   chan struct{}

	// The goroutine's own.
	conns    map[ID]*fakeConn
	last     uint32
	refuse   error // what Open returns
	sendFull int   // so many Sends are refused
	pauses   int   // so many Pauses are granted; any number when negative
}

type fakeConn struct {
	id     ID
	user   uint64
	cancel context.CancelFunc
	kernel *net.TCPConn

	mu       sync.Mutex
	changed  sync.Cond
	out      []byte
	short    bool // a Send took less than it was given
	fin      bool
	discard  bool
	paused   bool
	gone     bool
	readEnd  bool
	writeEnd bool
}

// Nothing is ever sent to these.
var (
	fakeSilent  = netip.MustParseAddr("192.0.2.99")
	fakeFarAway = netip.MustParseAddr("203.0.113.1")
)

const fakeSendBuffer = 64 << 10

func (w *fakeWorker) do(f func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return ErrClosed
	}
	w.calls = append(w.calls, f)
	w.more.Signal()
	return nil
}

func (w *fakeWorker) run() {
	defer close(w.ended)
	for {
		w.mu.Lock()
		for len(w.calls) == 0 {
			if w.done {
				w.mu.Unlock()
				return
			}
			w.more.Wait()
		}
		calls := w.calls
		w.calls = nil
		w.mu.Unlock()
		for _, f := range calls {
			f()
		}
	}
}

// shutdown ends all connections and the worker.
func (w *fakeWorker) shutdown() {
	for _, c := range w.conns {
		w.event(Event{Conn: c.id, User: c.user, Kind: Failed, Reason: Shutdown})
		c.end(true)
	}
	w.mu.Lock()
	w.done, w.calls = true, nil
	w.mu.Unlock()
}

// event hands one event to the handler. It is for the worker's goroutine.
func (w *fakeWorker) event(ev Event) {
	if w.conns[ev.Conn] == nil {
		return
	}
	if ev.Kind == Closed || ev.Kind == Failed {
		delete(w.conns, ev.Conn)
	}
	w.handler.events(w, []Event{ev})
}

func (w *fakeWorker) Open(opens []Open, results []Opened) {
	for i, o := range opens {
		if w.refuse != nil {
			results[i].Err = w.refuse
			continue
		}
		if o.Remote.Addr() == fakeFarAway {
			results[i].Err = fmt.Errorf("tcpclient: open: %w", ErrNoRoute)
			continue
		}
		w.last++
		ctx, cancel := context.WithCancel(context.Background())
		c := &fakeConn{id: conntable.MakeID(0, 1, w.last), user: o.User, cancel: cancel}
		c.changed.L = &c.mu
		w.conns[c.id] = c
		results[i].Conn = c.id
		if o.Remote.Addr() != fakeSilent {
			go w.dial(ctx, c, o.Remote)
		}
	}
}

func (w *fakeWorker) dial(ctx context.Context, c *fakeConn, remote netip.AddrPort) {
	var d net.Dialer
	k, err := d.DialContext(ctx, "tcp", remote.String())
	if err != nil {
		w.do(func() { w.event(c.failed(err)) })
		return
	}
	w.do(func() {
		if w.conns[c.id] == nil {
			k.Close()
			return
		}
		c.kernel = k.(*net.TCPConn)
		w.event(Event{Conn: c.id, User: c.user, Kind: Connected, Elapsed: time.Millisecond})
		if w.conns[c.id] != nil {
			go w.read(c)
			go w.write(c)
		}
	})
}

// kernels is what the kernel's own sockets say for an error of ours.
func kernels(err error) error {
	if inner := errors.Unwrap(err); inner != nil { // on Windows
		return inner
	}
	return err
}

func (c *fakeConn) failed(err error) Event {
	ev := Event{Conn: c.id, User: c.user, Kind: Failed, Reason: TimedOut}
	for _, r := range []Reason{Refused, ResetByPeer, Unreachable} {
		if errors.Is(err, kernels(r.Err())) {
			ev.Reason = r
		}
	}
	if errors.Is(err, kernels(errno.BrokenPipe)) {
		ev.Reason = ResetByPeer
	}
	return ev
}

// read makes Data events. One is under way at a time, so that Pause works at
// once.
func (w *fakeWorker) read(c *fakeConn) {
	buffer := make([]byte, 4096)
	for {
		c.mu.Lock()
		for c.paused && !c.gone {
			c.changed.Wait()
		}
		gone := c.gone
		c.mu.Unlock()
		if gone {
			return
		}
		n, err := c.kernel.Read(buffer)
		taken := make(chan struct{})
		if w.do(func() { w.arrived(c, buffer[:n], err); close(taken) }) != nil {
			return
		}
		select {
		case <-taken:
		case <-w.ended:
			return
		}
		if err != nil {
			return
		}
	}
}

func (w *fakeWorker) arrived(c *fakeConn, data []byte, err error) {
	if w.conns[c.id] == nil {
		return
	}
	if len(data) > 0 && c.discard {
		w.event(c.failed(kernels(errno.Reset)))
		c.end(true)
		return
	}
	if len(data) > 0 {
		w.event(Event{Conn: c.id, User: c.user, Kind: Data, Data: data})
	}
	switch {
	case err == nil:
	case err == io.EOF:
		w.event(Event{Conn: c.id, User: c.user, Kind: EndOfStream})
		c.readEnd = true
		w.maybeClosed(c)
	default:
		w.event(c.failed(err))
		c.end(false)
	}
}

func (w *fakeWorker) maybeClosed(c *fakeConn) {
	if c.readEnd && c.writeEnd {
		w.event(Event{Conn: c.id, User: c.user, Kind: Closed})
		c.end(false)
	}
}

// write sends what Send put aside.
func (w *fakeWorker) write(c *fakeConn) {
	for {
		c.mu.Lock()
		for len(c.out) == 0 && !c.fin && !c.gone {
			c.changed.Wait()
		}
		out, gone := c.out, c.gone
		c.mu.Unlock()
		if gone {
			return
		}
		if len(out) == 0 {
			c.kernel.CloseWrite()
			w.do(func() { c.writeEnd = true; w.maybeClosed(c) })
			return
		}
		n, err := c.kernel.Write(out[:min(len(out), 8192)])
		if err != nil {
			return // read tells
		}
		c.mu.Lock()
		c.out = c.out[n:]
		tell := c.short
		c.short = false
		c.mu.Unlock()
		if tell {
			w.do(func() { w.event(Event{Conn: c.id, User: c.user, Kind: Writable}) })
		}
	}
}

func (c *fakeConn) end(reset bool) {
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	c.changed.Broadcast()
	if c.kernel != nil {
		if reset {
			c.kernel.SetLinger(0)
		}
		c.kernel.Close()
	}
}

func (w *fakeWorker) Send(sends []Send, results []Sent) {
	for i, s := range sends {
		c := w.conns[s.Conn]
		if c == nil {
			results[i].Err = ErrClosed
			continue
		}
		if w.sendFull > 0 {
			w.sendFull--
			results[i].Err = ErrFull
			continue
		}
		c.mu.Lock()
		n := min(len(s.Data), fakeSendBuffer-len(c.out))
		c.out = append(c.out[:len(c.out):len(c.out)], s.Data[:n]...)
		c.short = n < len(s.Data)
		c.changed.Broadcast()
		c.mu.Unlock()
		results[i].Count = n
	}
}

func (w *fakeWorker) Close(closes []Close, errs []error) {
	for i, cl := range closes {
		c := w.conns[cl.Conn]
		switch {
		case c == nil:
			errs[i] = ErrClosed
		case cl.How == Reset:
			delete(w.conns, c.id)
			c.end(true)
		default:
			c.mu.Lock()
			c.fin = true
			c.discard = cl.How == FinDiscard
			c.changed.Broadcast()
			c.mu.Unlock()
		}
	}
}

func (w *fakeWorker) pause(id ID, paused bool) error {
	c := w.conns[id]
	if c == nil {
		return ErrClosed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = paused
	c.changed.Broadcast()
	return nil
}

func (w *fakeWorker) Pause(id ID) error {
	if w.pauses == 0 {
		return ErrFull
	}
	w.pauses--
	return w.pause(id, true)
}

func (w *fakeWorker) Resume(id ID) error { return w.pause(id, false) }

func (w *fakeWorker) Addrs(id ID) (local, remote netip.AddrPort, ok bool) {
	c := w.conns[id]
	if c == nil || c.kernel == nil {
		return
	}
	return c.kernel.LocalAddr().(*net.TCPAddr).AddrPort(), c.kernel.RemoteAddr().(*net.TCPAddr).AddrPort(), true
}
