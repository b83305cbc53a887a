package frontier

import (
	"container/heap"
	"io"
	"time"
)

// dispatch gives those who wait what there is for them. Everything that may
// have changed that ends with it.
func (f *Frontier) dispatch() {
	if end := f.ending(); end != nil {
		f.tasks.end(end)
		f.lookers.end(end)
		f.timer.Stop()
		return
	}
	for len(f.names) > 0 && f.lookers.give(f.names[0]) {
		f.names = f.names[1:]
	}
	for len(f.dead) > 0 && f.tasks.any() {
		f.dispatchDead()
	}
	for now := time.Now(); f.tasks.any() && f.due(now); {
		a := f.ready[0]
		if p := a.prefix; f.limits.PerPrefix > 0 && p.active >= f.limits.PerPrefix {
			heap.Pop(&f.ready)
			a.parked = true
			p.parked = append(p.parked, a)
			continue
		}
		f.dispatchFrom(a, now)
	}
}

// due reports whether the first of ready may be asked now. While none may, it
// lets those in that stand by; in the end it sets the timer for the first.
func (f *Frontier) due(now time.Time) bool {
	for {
		if len(f.ready) > 0 && !f.ready[0].next.After(now) {
			return true
		}
		if !f.admit() {
			break
		}
	}
	if len(f.ready) > 0 {
		f.timer.Reset(f.ready[0].next.Sub(now))
	}
	return false
}

// ending is why no task will come any more, nil while some may.
func (f *Frontier) ending() error {
	switch {
	case f.err != nil:
		return f.err
	case f.stopped, f.active == 0 && f.store.Counts().Left == 0:
		return io.EOF
	}
	return nil
}

// dispatchFrom hands out the next link of an address, if it has one after all.
func (f *Frontier) dispatchFrom(a *address, now time.Time) {
	s := a.sites[0]
	if it, ok := f.pull(s); ok {
		a.turn++
		a.share++
		a.active++
		a.prefix.active++
		f.notePause(a, now)
		f.handOut(&Task{Item: it, Site: s.name, Addr: a.addr, Slot: a.slot(s.name), site: s})
		a.next = now // behind the others
	}
	a.advance()
	f.schedule(a)
	f.forget(s)
}

// dispatchDead does so for the first site whose host has no address.
func (f *Frontier) dispatchDead() {
	s := f.dead[0]
	if it, ok := f.pull(s); ok {
		f.handOut(&Task{Item: it, Site: s.name, Err: s.host.err, site: s})
	}
	if !s.waits() {
		f.dead[0] = nil
		f.dead = f.dead[1:]
		s.queued = false
		f.forget(s)
	}
}

func (f *Frontier) handOut(t *Task) {
	f.active++
	t.site.active++
	f.tasks.give(t)
}

// pull takes the next link of a site, from the store if need be.
func (f *Frontier) pull(s *site) (it Item, ok bool) {
	if len(s.taken) == 0 && s.more {
		items, err := f.store.Take(s.name, s.last, readAhead)
		if err != nil {
			f.fail(err)
		}
		s.taken, s.more = items, len(items) == readAhead
		if n := len(items); n > 0 {
			s.last = items[n-1].Seq
		}
	}
	if len(s.taken) == 0 {
		return it, false
	}
	it = s.taken[0]
	s.taken = s.taken[1:]
	return it, true
}

// fail ends the crawl.
func (f *Frontier) fail(err error) {
	f.err = err
	f.tasks.end(err)
	f.lookers.end(err)
}
