package scan

import (
	"net/netip"
	"time"

	"myriad/tcpclient"
)

// bannerWorker makes connections to open ports, on one worker.
type bannerWorker struct {
	w       *Worker
	cfg     *BannerConfig
	request tcpclient.RequestID
	waiting ring[heldResult]
	rested  time.Duration // none that waits may be connected to before
	visits  []visit
	free    []int
}

// visit is a connection, or room for one.
type visit struct {
	result Result
	banner Banner
	conn   tcpclient.ID
	active bool
}

func newBannerWorker(w *Worker, c *BannerConfig) *bannerWorker {
	b := &bannerWorker{w: w, cfg: c, waiting: newRing[heldResult](waitingMax), visits: make([]visit, c.Parallel)}
	for k := range b.visits {
		b.free = append(b.free, k)
	}
	return b
}

// waitingMax is how many open ports may wait for a connection; at half of it no
// new targets are probed.
const waitingMax = 1 << 14

// crowded reports whether open ports come faster than they can be looked at.
func (b *bannerWorker) crowded() bool { return b.waiting.len() > waitingMax/2 }

// full reports whether another open port must wait.
func (b *bannerWorker) full() bool { return b.waiting.full() }

// wanted reports whether the client should ask for connections.
func (b *bannerWorker) wanted() bool {
	return b.waiting.len() > 0 && len(b.free) > 0 && b.w.now >= b.rested
}

// lookedAt is how many that wait are looked at for one whose turn has come.
const lookedAt = 64

// next brings the first of those that wait whose address may see a connection to
// the front; false when there is none.
func (b *bannerWorker) next() bool {
	var rest time.Duration
	for k := range min(b.waiting.len(), lookedAt) {
		ok, at := b.w.scanner.polite.connect(b.waiting.at(k).result.Address, b.w.now)
		if ok {
			b.waiting.lift(k)
			return true
		}
		if rest == 0 || at < rest {
			rest = at
		}
	}
	b.rested = max(rest, b.w.now+delayedEvery)
	return false
}

func (b *bannerWorker) idle() bool { return b.waiting.len() == 0 && len(b.free) == len(b.visits) }

// add queues an open port; where there is no room it is reported as it is.
func (b *bannerWorker) add(r *Result) {
	if b.waiting.full() {
		r.Banner = &Banner{Error: "not tried: too many at a time"}
		b.w.finish(r)
		return
	}
	b.waiting.push(heldResult{result: *r})
}

// inHand adds the indices of what waits, or is connected to.
func (b *bannerWorker) inHand(all []uint64) []uint64 {
	for k := range b.waiting.len() {
		all = append(all, b.waiting.at(k).result.index)
	}
	for k := range b.visits {
		if v := &b.visits[k]; v.active {
			all = append(all, v.result.index)
		}
	}
	return all
}

// Handler is the client's handler on a worker. The client is to have as many
// workers as the device has queues.
func (s *Scanner) Handler(w *tcpclient.Worker) tcpclient.Handler {
	return &handler{s.workers[w.Index()]}
}

// SetRequest names what is sent on each connection, interned by the client. Call
// it before the client's start.
func (s *Scanner) SetRequest(id tcpclient.RequestID) {
	for _, w := range s.workers {
		w.banner.request = id
	}
}

// handler is the client's.
type handler struct{ w *Worker }

// OpenMore connects to open ports.
func (h *handler) OpenMore(w *tcpclient.Worker, room int) {
	b := h.w.banner
	if b == nil {
		return
	}
	for room > 0 && b.wanted() && b.next() {
		next := b.waiting.front()
		slot := b.free[len(b.free)-1]
		remote := netip.AddrPortFrom(Addr(next.result.Address), next.result.Port)
		var opened [1]tcpclient.Opened
		w.Open([]tcpclient.Open{{Remote: remote, User: uint64(slot), Request: b.request, Timeout: b.cfg.Timeout}}, opened[:])
		b.free = b.free[:len(b.free)-1]
		v := &b.visits[slot]
		*v = visit{result: next.result, conn: opened[0].Conn, active: true}
		b.waiting.pop()
		room--
		if err := opened[0].Err; err != nil {
			v.banner.Error = err.Error()
			b.end(slot)
		}
	}
}

// Events collects what connections bring.
func (h *handler) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	b := h.w.banner
	if b == nil {
		return
	}
	for k := range events {
		e := &events[k]
		slot := int(e.User)
		v := &b.visits[slot]
		if !v.active || v.conn != e.Conn {
			continue
		}
		switch e.Kind {
		case tcpclient.Data:
			room := b.cfg.Bytes - len(v.banner.Data)
			v.banner.Cut = len(e.Data) > room
			v.banner.Data = append(v.banner.Data, e.Data[:min(room, len(e.Data))]...)
			if len(v.banner.Data) == b.cfg.Bytes {
				b.leave(w, slot)
			}
		case tcpclient.EndOfStream:
			b.leave(w, slot)
		case tcpclient.Failed:
			if b.w.scanner.stopping.Load() {
				continue // we have ended it, and who goes on does it again
			}
			v.banner.Error = e.Reason.String()
			b.end(slot)
		case tcpclient.Closed:
			b.end(slot)
		}
	}
}

// leave ends a connection that has brought what was wanted.
func (b *bannerWorker) leave(w *tcpclient.Worker, slot int) {
	var errs [1]error
	w.Close([]tcpclient.Close{{Conn: b.visits[slot].conn, How: tcpclient.Reset}}, errs[:])
	b.end(slot)
}

// end reports a visit.
func (b *bannerWorker) end(slot int) {
	v := &b.visits[slot]
	banner := v.banner
	b.w.scanner.polite.leave(v.result.Address)
	v.result.Banner = &banner
	b.w.counts.Banners++
	b.w.finish(&v.result)
	*v = visit{}
	b.free = append(b.free, slot)
}
