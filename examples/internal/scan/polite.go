package scan

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// Limits are what one address, and one /24, sees of us at most; 0 is without
// limit.
type Limits struct {
	// AddressRate and PrefixRate are probes a second, canaries, retries and the
	// SYNs of connections among them: two of them are at least as far apart.
	AddressRate, PrefixRate float64
	// Address and Prefix are connections at a time.
	Address, Prefix int
}

// Seen is the most that any address, and any /24, has seen.
type Seen struct {
	AddressRate, PrefixRate float64
	Address, Prefix         int
}

// Several addresses, or prefixes, may share a slot of the tables below, and then
// what they may have: the tables are so large that this is rare, and slows down,
// but never makes a limit exceeded.
const (
	slotsLeast, slotsMost = 1 << 10, 1 << 22
	// slotShare is how much of a slot's limit all probes together take on average.
	slotShare = 8
)

// slotOf is a key's of a table of a power of two.
func slotOf(key uint32, slots int) int {
	return int(uint64(key) * 0x9e3779b97f4a7c15 >> (64 - bits.Len(uint(slots-1))))
}

// pacer keeps probes of one key apart. Any worker may use it.
type pacer struct {
	interval time.Duration
	next     []atomic.Int64 // by slot: not before
	least    atomic.Int64   // the shortest time between two
}

// newPacer returns nil where there is no limit; total is the rate of all.
func newPacer(rate, total float64) *pacer {
	if rate == 0 {
		return nil
	}
	if total == 0 {
		total = windowRate
	}
	slots := slotsLeast
	for slots < slotsMost && float64(slots) < slotShare*total/rate {
		slots *= 2
	}
	return &pacer{interval: time.Duration(math.Ceil(float64(time.Second) / rate)), next: make([]atomic.Int64, slots)}
}

// take takes the turn of a key, or says when to ask again.
func (p *pacer) take(key uint32, now time.Duration) (ok bool, at time.Duration) {
	if p == nil {
		return true, 0
	}
	slot := &p.next[slotOf(key, len(p.next))]
	next := slot.Load()
	if int64(now) < next {
		return false, time.Duration(next)
	}
	if !slot.CompareAndSwap(next, int64(now+p.interval)) {
		return false, now + p.interval // another worker has it
	}
	if next > 0 {
		p.note(int64(now) - next + int64(p.interval))
	}
	return true, 0
}

// undo gives back a turn that was just taken.
func (p *pacer) undo(key uint32, now time.Duration) {
	if p != nil {
		p.next[slotOf(key, len(p.next))].CompareAndSwap(int64(now+p.interval), int64(now))
	}
}

func (p *pacer) note(gap int64) {
	for least := p.least.Load(); least == 0 || gap < least; least = p.least.Load() {
		if p.least.CompareAndSwap(least, gap) {
			return
		}
	}
}

// peak is the rate that two probes of one key have come to.
func (p *pacer) peak() float64 {
	if p == nil || p.least.Load() == 0 {
		return 0
	}
	return float64(time.Second) / float64(p.least.Load())
}

// places counts connections by key. Any worker may use it.
type places struct {
	limit int32
	taken []atomic.Int32
	most  atomic.Int32
}

func newPlaces(limit, all int) *places {
	if limit == 0 {
		return nil
	}
	slots := slotsLeast
	for slots < slotsMost && slots < slotShare*all {
		slots *= 2
	}
	return &places{limit: int32(limit), taken: make([]atomic.Int32, slots)}
}

// take takes a place, if there is one.
func (p *places) take(key uint32) bool {
	if p == nil {
		return true
	}
	n := p.taken[slotOf(key, len(p.taken))].Add(1)
	if n > p.limit {
		p.leave(key)
		return false
	}
	for most := p.most.Load(); n > most && !p.most.CompareAndSwap(most, n); most = p.most.Load() {
	}
	return true
}

func (p *places) leave(key uint32) {
	if p != nil {
		p.taken[slotOf(key, len(p.taken))].Add(-1)
	}
}

func (p *places) peak() int {
	if p == nil {
		return 0
	}
	return int(p.most.Load())
}

// polite is what all workers keep to together.
type polite struct {
	address, prefix *pacer
	atHost, atNet   *places
}

func newPolite(c *Config) polite {
	l, parallel := &c.Limits, 0
	if c.Banner != nil {
		parallel = c.Banner.Parallel * c.Device.Info().Queues
	}
	return polite{newPacer(l.AddressRate, c.Rate), newPacer(l.PrefixRate, c.Rate), newPlaces(l.Address, parallel), newPlaces(l.Prefix, parallel)}
}

// probe takes the turn of an address for a probe, or says when to ask again.
func (p *polite) probe(address uint32, now time.Duration) (ok bool, at time.Duration) {
	if ok, at = p.address.take(address, now); !ok {
		return false, at
	}
	if ok, at = p.prefix.take(address>>8, now); !ok {
		p.address.undo(address, now)
	}
	return ok, at
}

// connect takes a place for a connection, and the turn for its SYN.
func (p *polite) connect(address uint32, now time.Duration) (ok bool, at time.Duration) {
	const soon = 10 * time.Millisecond // another connection ends
	if !p.atHost.take(address) {
		return false, now + soon
	}
	if !p.atNet.take(address >> 8) {
		p.atHost.leave(address)
		return false, now + soon
	}
	if ok, at = p.probe(address, now); !ok {
		p.leave(address)
	}
	return ok, at
}

// leave gives a connection's place back.
func (p *polite) leave(address uint32) {
	p.atHost.leave(address)
	p.atNet.leave(address >> 8)
}

// Seen is the most that anybody has seen. Where there is no limit it is not
// looked at.
func (s *Scanner) Seen() Seen {
	p := &s.polite
	return Seen{p.address.peak(), p.prefix.peak(), p.atHost.peak(), p.atNet.peak()}
}

// delay keeps an index that was taken until its address may see a probe.
func (w *Worker) delay(i uint64, at time.Duration) {
	w.delayed = append(w.delayed, i)
	w.delayedUntil(at)
}

func (w *Worker) delayedUntil(at time.Duration) {
	if w.delayedAt == 0 || at < w.delayedAt {
		w.delayedAt = at
	}
	w.wait(at)
}

// delayedEvery is how often those that wait for their turn are looked at, at most.
const delayedEvery = time.Millisecond

// retryDelayed probes those whose turn has come.
func (w *Worker) retryDelayed(budget *int) {
	if len(w.delayed) == 0 {
		return
	}
	if w.now < w.delayedAt {
		w.wait(w.delayedAt)
		return
	}
	waiting := w.delayed
	w.delayed, w.delayedAt = w.delayed[:0], 0
	for k, i := range waiting {
		if *budget <= 0 || !w.frameReady() {
			w.delayed = append(w.delayed, waiting[k:]...)
			w.delayedUntil(w.now + delayedEvery)
			return
		}
		sent, until := w.probe(i)
		switch {
		case until > 0:
			w.delay(i, max(until, w.now+delayedEvery))
		case sent:
			w.window.sentAt[i/wordBits&w.window.mask] = w.now
			w.counts.Probes++
			*budget--
		}
	}
}

// delayedWord is the first word with an index that is delayed: they are in
// their order.
func (w *Worker) delayedWord() uint64 {
	if len(w.delayed) == 0 {
		return ^uint64(0)
	}
	return w.delayed[0] / wordBits
}
