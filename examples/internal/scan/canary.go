package scan

import (
	"sync/atomic"
	"time"

	"myriad/internal/seq"
	"myriad/linklayer"
)

// There are hosts, and devices in front of hosts, that answer a SYN to any port:
// an open port there says nothing. The host of each port that is found open is
// therefore probed at a port on which nobody is expected, and the result is held
// until that has had its time.

// canaryBits makes a table of which only the pages that are used take memory.
const canaryBits = 22

// canaries remembers what was found about hosts: one per slot, the last.
type canaries [1 << canaryBits]atomic.Uint64

// States of a slot, below the address.
const (
	canaryAsked = 1 + iota
	canaryOpen
	canaryRefused
	canaryWaiting // its turn to be asked has not come
)

func (c *canaries) slot(address uint32) *atomic.Uint64 {
	return &c[address*0x9e3779b1>>(32-canaryBits)]
}

// state is what is known of a host; 0 is nothing.
func (c *canaries) state(address uint32) uint32 {
	v := c.slot(address).Load()
	if uint32(v>>32) != address {
		return 0
	}
	return uint32(v)
}

func (c *canaries) set(address, state uint32) {
	c.slot(address).Store(uint64(address)<<32 | uint64(state))
}

// change replaces a state of a host that is still the slot's.
func (c *canaries) change(address, from, to uint32) {
	key := uint64(address) << 32
	c.slot(address).CompareAndSwap(key|uint64(from), key|uint64(to))
}

// ask is a canary to be sent, if the host has not had it by then.
type ask struct {
	address uint32
	first   bool       // with the result that waits for it; the second time that waits elsewhere
	result  heldResult // the instant is set when it has been sent
}

// heldResult is an open port whose host has been asked.
type heldResult struct {
	result Result
	due    time.Duration
}

// canaryPort is a host's port at which nobody is expected: none of the scan's,
// and above those that are given out.
func (s *Scanner) canaryPort(address uint32) uint16 {
	const first, count = 20_000, 40_000
	h := s.key.sip(uint64(address) | 1<<48)
	for {
		port := uint16(first + h>>32*count>>32)
		if s.cfg.Space.portAt[port] < 0 || len(s.cfg.Space.ports) > count {
			return port
		}
		h = h*0x9e3779b97f4a7c15 + 1
	}
}

// tryCanary has an open port's host asked, unless it was just now, and holds the
// result.
func (w *Worker) tryCanary(r *Result) {
	s := w.scanner
	state := s.canaries.state(r.Address)
	h := heldResult{result: *r, due: w.now + s.cfg.Timeout}
	switch unsent := state == 0 || state == canaryWaiting; {
	case unsent && w.asks.full(), w.held.full():
		w.counts.CanaryFull++
		w.lookCloser(r)
	case unsent:
		if state == 0 {
			s.canaries.set(r.Address, canaryWaiting)
		}
		w.asks.push(ask{r.Address, true, h})
	default:
		w.held.push(h)
	}
}

// sendAsks sends the canaries.
func (w *Worker) sendAsks(budget *int) {
	for w.asks.len() > 0 && !w.held.full() && *budget > 0 && w.frameReady() && w.nextAsk() {
		a := *w.asks.front()
		w.asks.pop()
		if w.unasked(&a) {
			w.sendCanary(a.address)
			*budget--
		}
		if a.first {
			a.result.due = w.now + w.scanner.cfg.Timeout
			w.held.push(a.result)
		}
	}
	if w.asks.len() > 0 {
		w.wait(w.bucket.next(w.now))
	}
}

// unasked reports whether a host is still to be sent its canary: another result
// of it may have been faster.
func (w *Worker) unasked(a *ask) bool {
	state := w.scanner.canaries.state(a.address)
	return !a.first || state == 0 || state == canaryWaiting
}

// nextAsk brings the first canary to the front that may be sent now; false when
// there is none.
func (w *Worker) nextAsk() bool {
	for k := range min(w.asks.len(), lookedAt) {
		a := w.asks.at(k)
		if w.unasked(a) {
			ok, at := w.scanner.polite.probe(a.address, w.now)
			if !ok {
				w.wait(max(at, w.now+delayedEvery))
				continue
			}
		}
		w.asks.lift(k)
		return true
	}
	return false
}

// sendCanary asks a host, where the way to it is known.
func (w *Worker) sendCanary(address uint32) {
	s := w.scanner
	s.canaries.change(address, canaryWaiting, canaryAsked)
	ethernet, state := w.nextHop(address)
	if state != hopKnown || !w.frameReady() {
		return
	}
	port := s.canaryPort(address)
	c := s.key.cookieFor(address, port, uint32(len(s.sources)), s.ports.CanaryCount)
	f := &w.tx[w.filled]
	f.Data = f.Data[:s.canary.write(f.Data, ethernet, s.sources[c.source], address,
		(s.ports.Canary+uint32(c.port))<<16|uint32(port), c.number)]
	w.filled++
	w.counts.Canaries++
}

// canarySegment is a host's answer to its canary.
func (w *Worker) canarySegment() {
	s, p := w.scanner, &w.packet
	address := ip16(&p.Source)
	port := s.canaryPort(address)
	c := s.key.cookieFor(address, port, uint32(len(s.sources)), s.ports.CanaryCount)
	if p.SourcePort != port || uint32(p.DestinationPort) != s.ports.Canary+uint32(c.port) ||
		!s.sourceIs(c.source, &p.Destination) || uint32(p.Segment.Ack) != c.number+1 {
		w.counts.Forged++
		return
	}
	switch flags := p.Segment.Flags & (linklayer.SYN | linklayer.ACK | linklayer.RST); flags {
	case linklayer.SYN | linklayer.ACK:
		w.reset()
		s.canaries.set(address, canaryOpen)
	case linklayer.RST | linklayer.ACK:
		s.canaries.set(address, canaryRefused)
	}
}

// letGo ends the wait for canaries.
func (w *Worker) letGo() {
	for w.isDue(&w.again) {
		w.judge(&w.again.front().result)
		w.again.pop()
	}
	for w.isDue(&w.held) {
		h := w.held.front()
		if !w.askAgain(h) {
			w.judge(&h.result)
		}
		w.held.pop()
	}
}

// isDue reports whether the first of those that wait has waited long enough, and
// can go on.
func (w *Worker) isDue(r *ring[heldResult]) bool {
	if r.len() == 0 || w.banner != nil && w.banner.full() { // looked at again when a connection has ended
		return false
	}
	due := r.front().due
	w.wait(due)
	return w.now >= due
}

// askAgain has a host asked once more where it did not answer, and where retries
// are wanted: probes get lost.
func (w *Worker) askAgain(h *heldResult) bool {
	s := w.scanner
	if s.cfg.Retries == 0 || w.asks.full() || w.again.full() || s.canaries.state(h.result.Address) != canaryAsked {
		return false
	}
	w.asks.push(ask{address: h.result.Address})
	w.again.push(heldResult{result: h.result, due: w.now + s.cfg.Timeout})
	return true
}

// judge says what the canary came to.
func (w *Worker) judge(r *Result) {
	switch w.scanner.canaries.state(r.Address) {
	case canaryAsked, canaryRefused, canaryWaiting:
		r.Canary = CanaryQuiet
	case canaryOpen:
		r.Canary = CanaryAnswersAll
	default: // another host has taken its slot
		w.counts.CanaryFull++
	}
	w.lookCloser(r)
}

// lookCloser has a connection made to an open port where that is wanted and
// worth it, and reports everything else.
func (w *Worker) lookCloser(r *Result) {
	if w.banner == nil || r.Outcome != Open || r.Canary == CanaryAnswersAll {
		w.finish(r)
		return
	}
	w.banner.add(r)
}

func seqNumber(n uint32) seq.Number { return seq.Number(n) }
