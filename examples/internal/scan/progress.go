package scan

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"sync"
)

// Progress is how far a shard has come: which of its indices have come to their
// outcomes, and were given to Config.Result. Zero is a shard at its beginning.
type Progress struct {
	// Next is an index below which all have their outcomes, but Open.
	Next uint64 `json:"next"`
	// Open are the indices below Next that were answered and are in hand still:
	// their hosts' canaries, or banners, are awaited. Sorted.
	Open []uint64 `json:"open,omitempty"`
	// Done has a bit for each index from Next on, the lowest first, which is set
	// where it has its outcome.
	Done []byte `json:"done,omitempty"`
}

// openMax bounds Open: more than wait in all the workers that there can be.
const openMax = 1 << 24

// check refuses what is no progress of a shard.
func (p *Progress) check(targets uint64) error {
	switch {
	case p.Next > targets || uint64(len(p.Done)) > (targets-p.Next+7)/8:
		return fmt.Errorf("scan: From: index %d and %d bytes are beyond the shard's %d targets", p.Next, len(p.Done), targets)
	case len(p.Open) > openMax || !slices.IsSorted(p.Open) || len(p.Open) > 0 && p.Open[len(p.Open)-1] >= p.Next:
		return fmt.Errorf("scan: From: %d open indices are not sorted, or not below %d", len(p.Open), p.Next)
	}
	return nil
}

// Low is the first index without an outcome.
func (p *Progress) Low() uint64 {
	if len(p.Open) > 0 {
		return p.Open[0]
	}
	n := p.Next
	for _, b := range p.Done {
		n += uint64(bits.TrailingZeros8(^b))
		if b != 0xff {
			break
		}
	}
	return n
}

// Count is the number of indices with one.
func (p *Progress) Count() uint64 {
	n := p.Next - uint64(len(p.Open))
	for _, b := range p.Done {
		n += uint64(bits.OnesCount8(b))
	}
	return n
}

// Has reports whether an index has one.
func (p *Progress) Has(n uint64) bool {
	if n < p.Next {
		_, open := slices.BinarySearch(p.Open, n)
		return !open
	}
	n -= p.Next
	return n/8 < uint64(len(p.Done)) && p.Done[n/8]>>(n%8)&1 != 0
}

// end is the index from which on none has one.
func (p *Progress) end() uint64 { return p.Next + 8*uint64(len(p.Done)) }

// Trim forgets what does not fit into about so many bytes of JSON, from the end:
// that is done again.
func (p *Progress) Trim(bytes int) {
	const each = 21 // bytes of an index, at most
	if most := bytes / 2 / each; len(p.Open) > most {
		p.Next, p.Open, p.Done = p.Open[most], p.Open[:most], nil
	}
	p.Done = p.Done[:min(len(p.Done), bytes/2/4*3)]
}

// add notes the outcome of an index at or above Next.
func (p *Progress) add(n uint64) {
	n -= p.Next
	for uint64(len(p.Done)) <= n/8 {
		p.Done = append(p.Done, make([]byte, max(64, len(p.Done)))...)
	}
	p.Done[n/8] |= 1 << (n % 8)
}

// remove takes an index back.
func (p *Progress) remove(n uint64) {
	if n < p.Next {
		p.Open = append(p.Open, n)
	} else if n -= p.Next; n/8 < uint64(len(p.Done)) {
		p.Done[n/8] &^= 1 << (n % 8)
	}
}

// census asks the workers which answers they have in hand. Each says so at the
// end of a turn, when all that it has done before was handed over.
type census struct {
	mu      sync.Mutex
	left    int
	waiting []uint64
	done    chan struct{}
}

// Progress is how far the shard has come, while the client runs. All results of
// it were given to Config.Result, and Config.Turn called after them, before it
// returns. The error is the context's.
func (s *Scanner) Progress(ctx context.Context) (p Progress, err error) {
	p = s.job.Load().answered() // before the workers are asked: what is answered later waits for the next time
	c := &census{left: len(s.workers), done: make(chan struct{})}
	for _, w := range s.workers {
		w.census.Store(c)
	}
	s.wake()
	select {
	case <-c.done:
	case <-ctx.Done():
		return p, context.Cause(ctx)
	}
	p.withhold(c.waiting)
	return p, nil
}

// Rest is how far the shard has come when the client has been closed, and Turn
// been called for each worker.
func (s *Scanner) Rest() Progress {
	p := s.job.Load().answered()
	var waiting []uint64
	for _, w := range s.workers {
		waiting = w.inHand(waiting)
	}
	p.withhold(waiting)
	return p
}

// withhold takes back what has been answered and is in hand.
func (p *Progress) withhold(waiting []uint64) {
	for _, n := range waiting {
		p.remove(n)
	}
	slices.Sort(p.Open)
	p.Open = slices.Compact(p.Open)
	for len(p.Done) > 0 && p.Done[len(p.Done)-1] == 0 {
		p.Done = p.Done[:len(p.Done)-1]
	}
	for len(p.Done) > 0 && p.Done[0] == 0xff {
		p.Next, p.Done = p.Next+8, p.Done[1:]
	}
}

// answered has all indices that were settled or answered, which any worker may
// do meanwhile.
func (j *job) answered() (p Progress) {
	p.Next = max(j.settled(), j.before.Next)
	for _, n := range j.before.Open {
		if !j.has(n) {
			p.Open = append(p.Open, n)
		}
	}
	for n := p.Next; n < j.before.end(); n++ {
		if j.before.Has(n) {
			p.add(n)
		}
	}
	for k, w := range j.windows {
		for word := (p.Next - j.from) / j.workers / wordBits; word*wordBits < w.head.Load(); word++ {
			set := w.bits[word&w.mask].Load()
			if word < w.tail.Load() {
				set = ^uint64(0) // and the bits may be a lap younger
			}
			for set &^= beyond(word*wordBits, w.head.Load()); set != 0; set &= set - 1 {
				if n := j.index(k, word*wordBits+uint64(bits.TrailingZeros64(set))); n >= p.Next {
					p.add(n)
				}
			}
		}
	}
	return p
}

// has reports whether an index was settled or answered.
func (j *job) has(n uint64) bool {
	k, i := int((n-j.from)%j.workers), (n-j.from)/j.workers
	w := j.windows[k]
	set := i < w.head.Load() && w.bits[i/wordBits&w.mask].Load()>>(i%wordBits)&1 != 0
	return set || i/wordBits < w.tail.Load()
}

// answerCensus says what is in hand, if anybody asks.
func (w *Worker) answerCensus() {
	c := w.census.Load()
	if c == nil {
		return
	}
	w.census.CompareAndSwap(c, nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = w.inHand(c.waiting)
	if c.left--; c.left == 0 {
		close(c.done)
	}
}

// inHand adds the indices whose answers wait here for something more.
func (w *Worker) inHand(all []uint64) []uint64 {
	for _, r := range []*ring[heldResult]{&w.held, &w.again} {
		for k := range r.len() {
			all = append(all, r.at(k).result.index)
		}
	}
	for k := range w.asks.len() {
		if a := w.asks.at(k); a.first { // the result of a second time waits in again
			all = append(all, a.result.result.index)
		}
	}
	if w.banner != nil {
		all = w.banner.inHand(all)
	}
	return all
}
