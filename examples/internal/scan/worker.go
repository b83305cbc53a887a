package scan

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"myriad/examples/internal/latency"
	"myriad/iobackend"
	"myriad/linklayer"
)

// Worker is a scanner's part on one queue.
type Worker struct {
	scanner *Scanner
	index   int
	queue   iobackend.Queue // the device's own
	job     *job
	window  *window // the job's
	cursor  cursor
	bucket  bucket
	now     time.Duration
	nextAt  time.Duration // when there is something to do without a frame

	targets  [aimMax]target // of a volley
	cookies  [aimMax]cookie
	tx       []iobackend.Frame
	reserved int           // of tx, ours
	filled   int           // of these, ready to leave
	free     int           // of these, outside of the rate: ARP
	owed     time.Duration // since when the client has waited for frames; 0: it does not

	left   []uint64 // by retry: the bits of its word that are still to be sent
	hop    hop
	parked []uint64 // indices that wait for their next hop
	// gatewayWanted: all would wait, so no new ones are taken; unlooked: there was
	// no room to look at all that are parked; parkedVersion is that of the
	// neighbours when they were.
	gatewayWanted, unlooked bool
	parkedVersion           uint32
	probed                  time.Duration
	delayed                 []uint64 // indices whose address has had its share for now
	delayedAt               time.Duration
	arps                    ring[linklayer.ARP]
	resets                  ring[reset]
	asks                    ring[ask]
	held                    ring[heldResult] // whose canary has been sent
	again                   ring[heldResult] // … once more
	banner                  *bannerWorker
	packet                  linklayer.Packet
	result                  Result // in hand

	stash []iobackend.Frame // the client's frames, received in Wait
	first int               // of stash, the first that the client has not had
	rx    []iobackend.Frame
	woken atomic.Bool
	// census is who asks what is in hand.
	census atomic.Pointer[census]
	over   bool // the window is, and that is known
	// finished: the job is, as far as this worker has to do with it
	finished bool
	counts   Counts
	delays   latency.Histogram

	mutex sync.Mutex
	shown Counts
}

// Bounds of what waits; each has its name in Counts when it is reached.
const (
	arpsMax   = 256
	resetsMax = 4096
	asksMax   = 1 << 16
	heldMax   = 1 << 16
	parkedMax = 1024
	settleMax = 256 // words in one turn
	passedMax = 1 << 16
)

func newWorker(s *Scanner, k, workers int) *Worker {
	c := &s.cfg
	queue := c.Device.Queue(k)
	w := &Worker{
		scanner: s, index: k, queue: queue, bucket: newBucket(c.Rate, c.Batch, workers),
		tx: make([]iobackend.Frame, c.Batch), rx: make([]iobackend.Frame, c.Batch),
		left: make([]uint64, c.Retries), now: queue.Now(),
		arps: newRing[linklayer.ARP](arpsMax), resets: newRing[reset](resetsMax), asks: newRing[ask](asksMax), held: newRing[heldResult](heldMax), again: newRing[heldResult](heldMax),
	}
	w.bucket.at = w.now
	w.begin(s.job.Load())
	if c.Banner != nil {
		w.banner = newBannerWorker(w, c.Banner)
	}
	return w
}

// pump is one turn's sending: answers first, then what is owed to those who did
// not answer, then new probes. It reports whether there was anything to do.
func (w *Worker) pump() (busy bool) {
	s := w.scanner
	w.nextAt = w.now + time.Second
	if s.stopping.Load() {
		return false
	}
	if j := s.job.Load(); j != w.job {
		w.begin(j)
	}
	w.sendARPs()
	budget := w.budget()
	w.sendResets(&budget)
	w.sendAsks(&budget)
	w.retryParked(&budget)
	w.retryDelayed(&budget)
	held := s.held.Load()
	if !held {
		w.settle()
	}
	for pass := len(w.left) - 1; pass >= 0; pass-- {
		w.retry(pass, &budget)
	}
	if held {
		w.wait(w.now + holdPoll)
	} else {
		w.sendNew(&budget)
	}
	w.flush()
	w.letGo()
	return w.publish()
}

// budget is how many frames may leave now. While the client waits for frames
// none do, so that it finds some.
func (w *Worker) budget() int {
	const patience = time.Millisecond
	n := min(w.bucket.refill(w.now), w.scanner.cfg.Batch)
	if w.owed != 0 && w.now-w.owed < patience {
		w.wait(w.owed + patience)
		return 0
	}
	w.owed = 0
	return n
}

// wait notes an instant at which there is something to do.
func (w *Worker) wait(at time.Duration) { w.nextAt = min(w.nextAt, at) }

// sendNew sends the next targets their first probes.
func (w *Worker) sendNew(budget *int) {
	if w.window.head.Load() == w.window.end || w.held.len()+w.again.len()+w.asks.len() > heldMax/2 || w.banner != nil && w.banner.crowded() {
		return
	}
	passed := uint64(0)
	for *budget > 0 && passed < passedMax && len(w.parked)+len(w.delayed) < parkedMax && !w.gatewayWanted && !w.unlooked && w.frameReady() {
		n := min(uint64(min(*budget, w.reserved-w.filled, parkedMax-len(w.parked)-len(w.delayed))), w.window.room(), w.window.end-w.window.head.Load())
		if n == 0 {
			break
		}
		first := w.window.take(n, w.now)
		if first < w.window.known {
			passed += w.goOn(first, n, budget)
			continue
		}
		for i := first; i < first+n; {
			i += w.volley(i, min(first+n-i, aimMax))
		}
		*budget -= int(n)
	}
	if passed >= passedMax {
		w.wait(w.now)
	}
	if len(w.delayed) < parkedMax { // else those come first
		w.wait(w.bucket.next(w.now))
	}
}

// retry sends the unanswered targets of a pass's word again.
func (w *Worker) retry(pass int, budget *int) {
	for *budget > 0 {
		word, due, at := w.window.due(pass, w.now, w.scanner.cfg.Timeout)
		if !due || word >= w.delayedWord() {
			w.wait(at)
			return
		}
		if w.left[pass] == 0 {
			w.left[pass] = w.window.open(word)
		}
		sent, until := w.repeat(pass, word, budget)
		if until > 0 {
			w.wait(max(until, w.now+delayedEvery))
			return
		}
		if w.left[pass] != 0 {
			break
		}
		if !sent && w.window.open(word) == 0 {
			w.window.passes[pass].Store(word + 1) // nobody is waited for
			continue
		}
		w.window.repeated(pass, w.now)
	}
	w.wait(w.bucket.next(w.now))
}

// repeat sends probes to the targets in a pass's left bits. When an address among
// them has had its share, until says when to go on.
func (w *Worker) repeat(pass int, word uint64, budget *int) (sent bool, until time.Duration) {
	for w.left[pass] != 0 && *budget > 0 && w.frameReady() {
		bit := bits.TrailingZeros64(w.left[pass])
		if w.window.open(word)>>bit&1 == 0 {
			w.left[pass] &^= 1 << bit
			continue
		}
		went, until := w.probe(word*wordBits + uint64(bit))
		if until > 0 {
			return true, until
		}
		w.left[pass] &^= 1 << bit
		if went {
			w.window.sent(word*wordBits+uint64(bit), 0)
			w.counts.Retries++
			*budget--
		}
		sent = true
	}
	return sent, 0
}

// settle lets go of the targets that have had all their probes and their time.
func (w *Worker) settle() {
	c := &w.scanner.cfg
	for range settleMax {
		word, due, at := w.window.due(len(w.left), w.now, c.Timeout)
		if !due || word >= min(w.parkedWord(), w.delayedWord()) {
			w.wait(at)
			return
		}
		unanswered := w.window.settle()
		w.note(Filtered, NoAnswer, uint64(bits.OnesCount64(unanswered)))
		for ; c.All && unanswered != 0; unanswered &= unanswered - 1 {
			i := word*wordBits + uint64(bits.TrailingZeros64(unanswered))
			r := w.report(Result{Outcome: Filtered, Reason: NoAnswer, Attempts: c.Retries + 1})
			r.Address, r.Port = c.Space.At(w.job.place(w.index, i))
			c.Result(w.index, r)
		}
	}
	w.wait(w.now)
}

// note counts targets that came to their outcome.
func (w *Worker) note(o Outcome, r Reason, n uint64) {
	w.counts.Targets += n
	w.counts.Outcomes[o] += n
	w.counts.Reasons[r] += n
}

// goOn probes those of count indices that have not had their outcome before, and
// returns how many have.
func (w *Worker) goOn(first, count uint64, budget *int) (passed uint64) {
	for i := first; i < first+count; i++ {
		if !w.window.wanted(i) {
			passed++
			continue
		}
		sent, until := w.probe(i)
		if sent {
			w.counts.Probes++
		} else if until > 0 {
			w.delay(i, until)
		}
		*budget--
	}
	return passed
}

// volley writes the first probes to count indices, at most aimMax, for which there
// are frames. Each step is done for all of them before the next: so they overlap.
func (w *Worker) volley(first, count uint64) uint64 {
	s, j := w.scanner, w.job
	targets, cookies := w.targets[:count], w.cookies[:count]
	s.cfg.Space.aim(&w.cursor, targets, j.place(w.index, first), j.shards*j.workers)
	s.key.cookiesFor(cookies, targets, uint32(len(s.sources)), s.ports.ProbesCount)
	if s.direct {
		for k := range targets {
			w.write(first+uint64(k), &targets[k], &cookies[k], &s.gateway)
		}
		w.counts.Probes += count
		return count
	}
	for k := range targets {
		switch sent, until := w.shoot(first+uint64(k), &targets[k], &cookies[k]); {
		case sent:
			w.counts.Probes++
		case until > 0:
			w.delay(first+uint64(k), until)
		}
	}
	return count
}

// probe writes the probe to index i. When the next hop is not known it is
// parked, when there is none settled: false then. When its address has had its
// share, until says when to try again.
func (w *Worker) probe(i uint64) (sent bool, until time.Duration) {
	s := w.scanner
	var t target
	t.address, t.port = s.cfg.Space.at(&w.cursor, w.job.place(w.index, i))
	c := s.key.cookieFor(t.address, t.port, uint32(len(s.sources)), s.ports.ProbesCount)
	return w.shoot(i, &t, &c)
}

// shoot is probe where target and cookie are known.
func (w *Worker) shoot(i uint64, t *target, c *cookie) (sent bool, until time.Duration) {
	s := w.scanner
	ethernet, state := w.nextHop(t.address)
	if state != hopKnown {
		w.hold(i, t.address, t.port, state)
		return false, 0
	}
	if ok, at := s.polite.probe(t.address, w.now); !ok {
		return false, max(at, 1)
	}
	w.write(i, t, c, ethernet)
	return true, 0
}

// write writes a probe that may leave.
func (w *Worker) write(i uint64, t *target, c *cookie, ethernet *[12]byte) {
	s, f := w.scanner, &w.tx[w.filled]
	f.Data = f.Data[:s.shape.write(f.Data, ethernet, s.sources[c.source], t.address,
		(s.ports.Probes+uint32(c.port))<<16|uint32(t.port), c.number)]
	w.filled++
	w.window.sent(i, w.now)
}

// frameReady reports whether there is a frame to write to.
func (w *Worker) frameReady() bool {
	if w.filled < w.reserved {
		return true
	}
	w.flush()
	w.reserved = w.queue.Reserve(w.tx)
	if w.reserved == 0 {
		w.wait(w.now + framePoll)
	}
	return w.reserved > 0
}

// holdPoll is how often a hold is looked at.
const holdPoll = time.Millisecond

// framePoll is how often frames that are all under way are looked for.
const framePoll = 50 * time.Microsecond

// flush sends what was written.
func (w *Worker) flush() {
	if w.filled == 0 {
		return
	}
	w.bucket.take(w.filled - w.free)
	w.free = 0
	_ = w.queue.Transmit(w.tx[:w.filled]) // Receive says it again
	w.reserved = copy(w.tx, w.tx[w.filled:w.reserved])
	w.filled = 0
}

// publish shows others what has been done, and says when it is all. It reports
// whether there is anything new.
func (w *Worker) publish() (news bool) {
	if news = w.counts != w.shown; news {
		if w.scanner.cfg.Turn != nil {
			w.scanner.cfg.Turn(w.index)
		}
		w.mutex.Lock()
		w.shown = w.counts
		w.mutex.Unlock()
	}
	w.answerCensus()
	w.end()
	return news
}

// idle reports whether nothing waits.
func (w *Worker) idle() bool {
	return w.resets.len() == 0 && w.asks.len() == 0 && w.held.len() == 0 && w.again.len() == 0 && (w.banner == nil || w.banner.idle())
}

// ring is a bounded queue.
type ring[T any] struct {
	items        []T
	taken, given uint64
}

func newRing[T any](size int) ring[T] { return ring[T]{items: make([]T, size)} }

func (r *ring[T]) len() int    { return int(r.given - r.taken) }
func (r *ring[T]) full() bool  { return r.len() == len(r.items) }
func (r *ring[T]) at(k int) *T { return &r.items[(r.taken+uint64(k))%uint64(len(r.items))] }
func (r *ring[T]) front() *T   { return &r.items[r.taken%uint64(len(r.items))] }

// push adds an item; there is room.
func (r *ring[T]) push(item T) {
	r.items[r.given%uint64(len(r.items))] = item
	r.given++
}

// lift brings an item to the front; the others keep their order.
func (r *ring[T]) lift(k int) {
	item := *r.at(k)
	for ; k > 0; k-- {
		*r.at(k) = *r.at(k - 1)
	}
	*r.front() = item
}

// pop takes the first away.
func (r *ring[T]) pop() {
	var none T
	*r.front() = none
	r.taken++
}
