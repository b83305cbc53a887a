package tcpclient

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// stack is what the Dialer's Handler asks of a Worker; tests put another in
// its place.
type stack interface {
	Open(opens []Open, results []Opened)
	Send(sends []Send, results []Sent)
	Close(closes []Close, errs []error)
	Pause(id ID) error
	Resume(id ID) error
	Addrs(id ID) (local, remote netip.AddrPort, ok bool)
}

// dialHandler is the Handler below a Dialer, one per worker. Conns that want
// something put themselves into asking, each at most once, and one call of
// Client.Do serves all of them: no closure and no queue entry per Read or
// Write.
//
// Locks: a Conn's mutex is taken before asking's; neither is held while the
// other side is waited for.
type dialHandler struct {
	dialer   *Dialer
	index    int
	onWorker func(w *Worker)
	holding  holding // what all its connections have unread

	asking  sync.Mutex
	askers  []*Conn
	waiting atomic.Int32 // how many askers are
	kicked  bool         // serve is on its way
	serving []*Conn

	// The worker's own. A connection's User is its place in conns, plus 1.
	conns []*Conn
	free  []uint32
}

// kickAgain is how long to wait when the worker's queue of calls is full,
// which only others can have filled, and sendAgain when the send buffers have
// no memory left.
const (
	kickAgain = time.Millisecond
	sendAgain = 5 * time.Millisecond
)

func newDialHandler(d *Dialer, index int) *dialHandler {
	h := &dialHandler{dialer: d, index: index}
	h.onWorker = func(w *Worker) { h.serve(w) }
	return h
}

// enqueue puts c on the list; first: the worker is to be told of it. The caller
// holds c.mu.
func (h *dialHandler) enqueue(c *Conn) (first bool) {
	h.asking.Lock()
	defer h.asking.Unlock()
	h.askers = append(h.askers, c)
	h.waiting.Store(int32(len(h.askers)))
	first = !h.kicked
	h.kicked = true
	return first
}

// kick has the worker look at the list.
func (h *dialHandler) kick() {
	if err := h.dialer.engine.kick(h); err != nil {
		// Not from here: to tell the others on the list takes their mutexes.
		time.AfterFunc(kickAgain, func() { h.kickLater(err) })
	}
}

// kickLater goes on after a kick that failed.
func (h *dialHandler) kickLater(err error) {
	for wait := kickAgain; errors.Is(err, ErrFull); wait = min(2*wait, 100*kickAgain) {
		if err = h.dialer.engine.kick(h); err != nil {
			time.Sleep(wait)
		}
	}
	if err == nil {
		return
	}
	for _, c := range h.takeAskers() {
		c.mu.Lock()
		opening := c.wants&wantOpen != 0
		c.wants, c.queued = c.wants&^wantOpen, false
		if !opening || !h.passOn(c) {
			c.end(err)
		}
		c.mu.Unlock()
	}
}

// takeAskers empties the list.
func (h *dialHandler) takeAskers() []*Conn {
	h.asking.Lock()
	defer h.asking.Unlock()
	askers := h.askers
	h.askers, h.kicked = nil, false
	h.waiting.Store(0)
	return askers
}

// abandon ends everything, after the worker has ended.
func (h *dialHandler) abandon() {
	for _, c := range append(h.takeAskers(), h.conns...) {
		if c != nil {
			c.mu.Lock()
			c.queued = false
			c.end(net.ErrClosed)
			c.mu.Unlock()
		}
	}
}

// serve does, on the worker's goroutine, what the Conns on the list want.
func (h *dialHandler) serve(w stack) {
	h.asking.Lock()
	h.askers, h.serving = h.serving[:0], h.askers
	h.kicked = false
	h.waiting.Store(0)
	h.asking.Unlock()
	for i, c := range h.serving {
		h.serveConn(w, c)
		h.serving[i] = nil
	}
}

func (h *dialHandler) serveConn(w stack, c *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what := c.wants
	c.wants, c.queued = 0, false
	if what&wantOpen != 0 && what&wantReset == 0 {
		h.open(w, c)
		return
	}
	switch {
	case c.ended:
		return
	case c.id == 0: // given up before it was opened
		c.end(net.ErrClosed)
		return
	case what&wantReset != 0:
		h.reset(w, c, net.ErrClosed)
		return
	}
	if what&wantResume != 0 && c.paused {
		c.paused = false
		w.Resume(c.id)
	}
	if what&wantSend != 0 {
		h.send(w, c)
	}
	switch {
	case what&wantClose != 0:
		h.close(w, c)
	case what&wantFin != 0:
		w.Close([]Close{{Conn: c.id, How: Fin}}, make([]error, 1))
	}
}

// open asks the worker for the connection, and the next worker where this one
// cannot: it may be on another interface, or full.
func (h *dialHandler) open(w stack, c *Conn) {
	slot := h.slot(c)
	var opened [1]Opened
	w.Open([]Open{{Remote: c.remote, Local: h.dialer.Local, User: uint64(slot) + 1}}, opened[:])
	if opened[0].Err == nil {
		c.id, c.slot = opened[0].Conn, slot
		return
	}
	h.release(slot)
	if !h.passOn(c) {
		c.end(opened[0].Err)
	}
}

// passOn has the next worker open c, unless all were asked. The caller holds
// c.mu.
func (h *dialHandler) passOn(c *Conn) bool {
	handlers := h.dialer.handlers
	if c.tries++; c.tries >= len(handlers) {
		return false
	}
	c.handler = handlers[(h.index+1)%len(handlers)]
	c.ask(wantOpen)
	return true
}

// slot finds room for c in conns.
func (h *dialHandler) slot(c *Conn) uint32 {
	if last := len(h.free) - 1; last >= 0 {
		slot := h.free[last]
		h.free = h.free[:last]
		h.conns[slot] = c
		return slot
	}
	h.conns = append(h.conns, c)
	return uint32(len(h.conns) - 1)
}

func (h *dialHandler) release(slot uint32) {
	h.conns[slot] = nil
	h.free = append(h.free, slot)
}

// send hands over what a Write waits to be rid of; a Writable event calls for
// the rest.
func (h *dialHandler) send(w stack, c *Conn) {
	if len(c.out) == 0 || c.writeError() != nil {
		return
	}
	var sent [1]Sent
	w.Send([]Send{{Conn: c.id, Data: c.out}}, sent[:])
	c.out = c.out[sent[0].Count:]
	if len(c.out) == 0 {
		c.writable.Broadcast()
		return
	}
	if errors.Is(sent[0].Err, ErrFull) {
		// The memory that all connections share; nobody tells when some of it
		// is free again.
		time.AfterFunc(sendAgain, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.ask(wantSend)
		})
	}
}

// close ends a connection that nobody reads any more.
func (h *dialHandler) close(w stack, c *Conn) {
	if c.in.count > 0 {
		h.reset(w, c, net.ErrClosed)
		return
	}
	w.Close([]Close{{Conn: c.id, How: FinDiscard}}, make([]error, 1))
}

// reset ends a connection by RST; no event follows.
func (h *dialHandler) reset(w stack, c *Conn, cause error) {
	w.Close([]Close{{Conn: c.id, How: Reset}}, make([]error, 1))
	h.forget(c, cause)
}

func (h *dialHandler) forget(c *Conn, cause error) {
	h.release(c.slot)
	c.id = 0
	c.end(cause)
}

// Events implements Handler.
func (h *dialHandler) Events(w *Worker, events []Event) { h.events(w, events) }

func (h *dialHandler) events(w stack, events []Event) {
	for i := range events {
		ev := &events[i]
		slot := ev.User - 1
		if slot >= uint64(len(h.conns)) || h.conns[slot] == nil {
			continue // of a connection that we reset in the meantime
		}
		c := h.conns[slot]
		c.mu.Lock()
		if c.id == ev.Conn {
			h.event(w, c, ev)
		}
		c.mu.Unlock()
	}
}

func (h *dialHandler) event(w stack, c *Conn, ev *Event) {
	switch ev.Kind {
	case Connected:
		c.local, _, _ = w.Addrs(ev.Conn)
		c.endDial(nil)
	case Data:
		h.data(w, c, ev.Data)
	case EndOfStream:
		c.endOfRead = true
		c.readable.Broadcast()
	case Writable:
		h.send(w, c)
	case Closed:
		h.forget(c, nil)
	case Failed:
		h.forget(c, ev.Reason.Err())
	}
}

// data keeps what nobody has read yet, and closes the window where that is
// much.
func (h *dialHandler) data(w stack, c *Conn, data []byte) {
	if c.closed {
		h.reset(w, c, net.ErrClosed)
		return
	}
	c.keep(data)
	c.readable.Broadcast()
	if c.paused || !c.mustPause() {
		return
	}
	switch err := w.Pause(c.id); {
	case err == nil:
		c.paused = true
	case !errors.Is(err, ErrClosed): // then its last event is on the way
		// To go on would be to hold any amount.
		h.reset(w, c, NoMemory.Err())
	}
}
