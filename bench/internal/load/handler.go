package load

import (
	"bytes"
	"errors"
	"sync/atomic"

	"myriad/tcpclient"
)

// phase is what the handlers are to do.
type phase = int32

const (
	opening  phase = iota
	stopping       // open no more
	closing        // end what is held
)

// openMax and closeMax are how many connections one call opens or closes. A
// batch of events is never longer than closeMax.
const (
	openMax  = 256
	closeMax = 4096
)

// isHeld is the User word of a connection that has done its part and stands.
const isHeld = 1

// failures beside the reasons of tcpclient.
const (
	wrongReply = "wrong reply"
	unfinished = "unfinished"
)

// shared is what the handlers of a run have in common; only phase changes.
type shared struct {
	*Config
	phase   atomic.Int32
	request tcpclient.RequestID
}

// counts are a handler's own.
type counts struct {
	opened, completed, refused uint64
	wrong                      uint64 // replies with wrong bytes, or too many
	failed                     [256]uint64
	current                    int // connections at it: open, and not held
	heldMax                    uint64
	err                        error // the first error that ends the run
}

// handler is one worker's part of a run.
type handler struct {
	run     *shared
	targets targets
	window  int
	limit   uint64 // 0 = without
	quiet   chan<- struct{}
	told    bool // that it is quiet, in this phase

	counts
	held    []tcpclient.ID
	partial map[tcpclient.ID]int // bytes of replies that came in pieces

	opens   [openMax]tcpclient.Open
	results [openMax]tcpclient.Opened
	closes  [closeMax]tcpclient.Close
	errs    [closeMax]error
	ending  int // closes in use
}

func newHandler(run *shared, worker, workers int, quiet chan<- struct{}) *handler {
	h := &handler{
		run:     run,
		targets: newTargets(run.Targets, run.Port, worker, workers),
		window:  share(run.Window, worker, workers),
		limit:   uint64(share(run.Limit, worker, workers)),
		quiet:   quiet,
		partial: make(map[tcpclient.ID]int),
	}
	if run.Hold {
		h.held = make([]tcpclient.ID, 0, h.limit)
	}
	return h
}

// share is worker's part of total; the parts add up to total, and none is 0
// unless total is smaller than the number of workers.
func share(total, worker, workers int) int {
	n := total / workers
	if worker < total%workers {
		n++
	}
	return n
}

// Events implements tcpclient.Handler.
func (h *handler) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	for i := range events {
		e := &events[i]
		switch e.Kind {
		case tcpclient.Connected:
			if h.run.ReplyBytes == 0 {
				h.done(w, e.Conn)
			}
		case tcpclient.Data:
			h.data(w, e)
		case tcpclient.Closed:
			h.completed++
			h.current--
		case tcpclient.Failed:
			h.failure(e)
		}
	}
	h.flush(w)
	h.tell()
}

// failure counts a connection that ended otherwise than by us.
func (h *handler) failure(e *tcpclient.Event) {
	if len(h.partial) > 0 {
		delete(h.partial, e.Conn)
	}
	switch {
	case e.User == isHeld:
		h.completed--
	case !h.run.Fin && h.isEnding(e.Conn):
		// The peer reset what we are about to reset: it had done its part.
		return
	default:
		h.current--
	}
	h.failed[e.Reason]++
}

// isEnding reports whether a connection was ended within this batch.
func (h *handler) isEnding(id tcpclient.ID) bool {
	for i := range h.closes[:h.ending] {
		if h.closes[i].Conn == id {
			return true
		}
	}
	return false
}

// data takes the next bytes of a reply. Nearly always they are all of it.
func (h *handler) data(w *tcpclient.Worker, e *tcpclient.Event) {
	from := 0
	if len(h.partial) > 0 {
		from = h.partial[e.Conn]
		delete(h.partial, e.Conn)
	}
	upTo := from + len(e.Data)
	switch {
	case upTo > h.run.ReplyBytes,
		h.run.Reply != nil && !bytes.Equal(e.Data, h.run.Reply[from:upTo]):
		h.wrong++
		h.current--
		h.end(w, e.Conn, tcpclient.Reset)
	case upTo == h.run.ReplyBytes:
		h.done(w, e.Conn)
	default:
		h.partial[e.Conn] = upTo
	}
}

// done is called when a connection has done its part but for its end. A
// connection that ends by FIN completes with its Closed event.
func (h *handler) done(w *tcpclient.Worker, id tcpclient.ID) {
	switch {
	case h.run.Hold:
		h.completed++
		h.current--
		if w.SetUser(id, isHeld) == nil {
			h.held = append(h.held, id)
		}
	case h.run.Fin:
		h.end(w, id, tcpclient.Fin)
	default:
		h.completed++
		h.current--
		h.end(w, id, tcpclient.Reset)
	}
}

// end closes a connection, with others, soon.
func (h *handler) end(w *tcpclient.Worker, id tcpclient.ID, how tcpclient.CloseHow) {
	if h.ending == closeMax {
		h.flush(w)
	}
	h.closes[h.ending] = tcpclient.Close{Conn: id, How: how}
	h.ending++
}

func (h *handler) flush(w *tcpclient.Worker) {
	if h.ending > 0 {
		w.Close(h.closes[:h.ending], h.errs[:h.ending])
		h.ending = 0
	}
}

// OpenMore implements tcpclient.Opener.
func (h *handler) OpenMore(w *tcpclient.Worker, room int) {
	switch h.run.phase.Load() {
	case opening:
		h.open(w, room)
	case closing:
		h.closeHeld(w, room)
	}
	h.tell()
}

// open fills the window.
func (h *handler) open(w *tcpclient.Worker, room int) {
	n := min(room, h.window-h.current, openMax)
	if h.limit > 0 {
		n = int(min(uint64(n), h.limit-h.opened))
	}
	if n <= 0 || h.err != nil {
		return
	}
	for i := range n {
		h.opens[i] = tcpclient.Open{Remote: h.targets.next(), Request: h.run.request, Separate: h.run.Separate}
	}
	w.Open(h.opens[:n], h.results[:n])
	for i := range n {
		switch err := h.results[i].Err; {
		case err == nil:
			h.opened++
			h.current++
		case errors.Is(err, tcpclient.ErrFull):
			h.refused++
		case h.err == nil:
			h.err = err
		}
	}
	h.heldMax = max(h.heldMax, uint64(h.current+len(h.held)))
}

// closeHeld ends some of what is held.
func (h *handler) closeHeld(w *tcpclient.Worker, room int) {
	n := min(room, len(h.held), openMax)
	if h.run.Fin {
		n = min(n, h.window-h.current)
	}
	for range n {
		last := len(h.held) - 1
		id := h.held[last]
		h.held = h.held[:last]
		switch {
		case !h.run.Fin:
			h.end(w, id, tcpclient.Reset)
		case w.SetUser(id, 0) == nil: // not ended by the peer meanwhile
			h.completed-- // until it has closed
			h.current++
			h.end(w, id, tcpclient.Fin)
		}
	}
	h.flush(w)
}

// quietNow reports whether the phase has nothing more to do for the worker.
func (h *handler) quietNow() bool {
	switch h.run.phase.Load() {
	case opening:
		return h.current == 0 && (h.err != nil || h.limit > 0 && h.opened == h.limit) ||
			h.run.Limit > 0 && h.limit == 0
	case closing:
		return h.current == 0 && len(h.held) == 0
	default:
		return h.current == 0
	}
}

// tell says once in each phase that the worker is quiet.
func (h *handler) tell() {
	if h.told || !h.quietNow() {
		return
	}
	h.told = true
	select {
	case h.quiet <- struct{}{}:
	default:
	}
}

// failedBy names what failed, what is still open included.
func (c *counts) failedBy(into map[string]uint64) {
	for reason, n := range c.failed {
		add(into, tcpclient.Reason(reason).String(), n)
	}
	add(into, wrongReply, c.wrong)
	add(into, unfinished, uint64(max(c.current, 0)))
}

func add(into map[string]uint64, name string, n uint64) {
	if n > 0 {
		into[name] += n
	}
}
