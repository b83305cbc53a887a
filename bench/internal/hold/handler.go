package hold

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"time"

	"myriad/tcpclient"
)

const (
	openMax   = 64    // connections opened in one call
	sampleMax = 65536 // connections that traffic draws from, per worker
)

// User words of connections.
const (
	isHeld = 1 // it stands
	isBusy = 2 // an exchange is under way
)

// handler is one worker's part of a run.
type handler struct {
	config  *Config
	request tcpclient.RequestID
	quiet   chan<- struct{}
	random  *rand.Rand

	// Filling.
	first, next, step uint32 // numbers of targets
	window            int
	limit, opened     uint64
	current           int // opened and not yet connected
	held              uint64
	full              uint64
	filled            bool // told so
	failed            [256]uint64
	stretches         [StretchCount]Stretch
	err               error

	sample []tcpclient.ID

	// Traffic.
	exchanging     bool
	share          int // of Exchanges
	wanted, asked  int
	underWay       int
	answered       uint64
	wrong          uint64 // replies that nobody asked for, or of a wrong length
	exchangesEnded bool

	opens   [openMax]tcpclient.Open
	results [openMax]tcpclient.Opened
	sends   [1]tcpclient.Send
	sents   [1]tcpclient.Sent
}

func newHandler(c *Config, worker, workers int, quiet chan<- struct{}) *handler {
	base := c.Targets.Masked().Addr().As4()
	return &handler{
		config: c, quiet: quiet,
		random: rand.New(rand.NewPCG(uint64(worker), 1)),
		first:  binary.BigEndian.Uint32(base[:]), next: uint32(worker), step: uint32(workers),
		window: share(c.Window, worker, workers),
		limit:  uint64(share(c.Connections, worker, workers)),
		share:  share(c.Exchanges, worker, workers),
		sample: make([]tcpclient.ID, 0, min(sampleMax, c.Connections)),
	}
}

// share is worker's part of total; the parts add up to total.
func share(total, worker, workers int) int {
	n := total / workers
	if worker < total%workers {
		n++
	}
	return n
}

// target is the address whose turn it is.
func (h *handler) target() netip.AddrPort {
	hosts := uint32(uint64(1)<<(32-h.config.Targets.Bits()) - 1)
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], h.first+h.next&hosts)
	h.next += h.step
	return netip.AddrPortFrom(netip.AddrFrom4(a), h.config.Port)
}

// OpenMore implements tcpclient.Opener.
func (h *handler) OpenMore(w *tcpclient.Worker, room int) {
	n := min(room, h.window-h.current, openMax)
	n = int(min(uint64(max(n, 0)), h.limit-h.opened))
	if n > 0 && h.full == 0 && h.err == nil {
		h.open(w, n)
	}
	h.tellFilled()
}

// open opens n connections, and takes the time.
func (h *handler) open(w *tcpclient.Worker, n int) {
	for i := range n {
		h.opens[i] = tcpclient.Open{Remote: h.target()}
	}
	s := &h.stretches[stretchOf(h.opened, h.limit)]
	began := time.Now()
	w.Open(h.opens[:n], h.results[:n])
	s.Took += time.Since(began)
	s.Opens += uint64(n)
	for i := range n {
		switch err := h.results[i].Err; {
		case err == nil:
			h.opened++
			h.current++
		case errors.Is(err, tcpclient.ErrFull):
			h.full++
		case h.err == nil:
			h.err = err
		}
	}
}

// Events implements tcpclient.Handler.
func (h *handler) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	for i := range events {
		e := &events[i]
		switch e.Kind {
		case tcpclient.Connected:
			h.current--
			h.remember(e.Conn)
			_ = w.SetUser(e.Conn, isHeld) // fails only when a Failed event follows
		case tcpclient.Data:
			h.answer(w, e)
		case tcpclient.Failed:
			h.failure(e)
		}
	}
	h.tellFilled()
	if h.exchanging {
		h.ask(w)
	}
}

// remember draws the sample: each of the connections so far is in it with the
// same probability.
func (h *handler) remember(id tcpclient.ID) {
	h.held++
	if len(h.sample) < cap(h.sample) {
		h.sample = append(h.sample, id)
	} else if k := h.random.Uint64N(h.held); k < uint64(len(h.sample)) {
		h.sample[k] = id
	}
}

// tellFilled says once that no more will be opened.
func (h *handler) tellFilled() {
	if h.filled || h.current > 0 || h.opened < h.limit && h.full == 0 && h.err == nil {
		return
	}
	h.filled = true
	h.quiet <- struct{}{}
}

// begin begins to count n exchanges.
func (h *handler) begin(n int) {
	h.exchanging, h.exchangesEnded = true, false
	h.wanted, h.asked, h.answered = n, 0, 0
}

// ask keeps the window of exchanges full, and says once when all have ended. A
// connection has one exchange at a time: it leaves the sample for that long.
func (h *handler) ask(w *tcpclient.Worker) {
	for h.asked < h.wanted && h.underWay < h.window && len(h.sample) > 0 {
		k, last := h.random.IntN(len(h.sample)), len(h.sample)-1
		id := h.sample[k]
		h.sends[0] = tcpclient.Send{Conn: id, Request: h.request}
		w.Send(h.sends[:], h.sents[:])
		switch err := h.sents[0].Err; {
		case err == nil:
			h.asked++
			h.underWay++
			_ = w.SetUser(id, isBusy)
		case errors.Is(err, tcpclient.ErrClosed): // failed meanwhile, and counted
		default: // no room now: after the next event
			return
		}
		h.sample[k] = h.sample[last]
		h.sample = h.sample[:last]
	}
	if !h.exchangesEnded && h.underWay == 0 && (h.asked == h.wanted || len(h.sample) == 0) {
		h.exchangesEnded = true
		h.quiet <- struct{}{}
	}
}

// answer takes the next bytes of a reply. A reply is one segment.
func (h *handler) answer(w *tcpclient.Worker, e *tcpclient.Event) {
	if e.User != isBusy || len(e.Data) != h.config.ReplyBytes {
		h.wrong++
		return
	}
	h.answered++
	h.underWay--
	h.sample = append(h.sample, e.Conn) // where it was: no allocation
	_ = w.SetUser(e.Conn, isHeld)
}

// failure counts a connection that ended otherwise than by us.
func (h *handler) failure(e *tcpclient.Event) {
	h.failed[e.Reason]++
	switch e.User {
	case isBusy:
		h.underWay--
		h.held--
	case isHeld:
		h.held--
	default:
		h.current--
	}
}
