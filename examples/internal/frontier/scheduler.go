package frontier

import (
	"container/heap"
	"container/list"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"myriad/examples/internal/weburl"
)

const (
	// readAhead is how many links of a site are taken from the store at a time.
	readAhead = 8
	// workingMax is how many addresses are asked in turn. Others stand by until
	// none of these may be asked yet, so that there are no more of them than a
	// pause is long, and what is kept of each, such as a connection, is of use.
	workingMax = 1 << 14
	// shareMax is how many URLs of an address go out before it stands by again.
	shareMax = 64
	// idleMax is how many hosts without links are remembered, so that their
	// names are not looked up again.
	idleMax = 1 << 16
)

// Frontier hands out what its store holds, as politeness allows.
type Frontier struct {
	limits Limits
	store  Store

	mu        sync.Mutex
	hosts     map[string]*host
	sites     map[string]*site
	addresses map[netip.Addr]*address
	prefixes  map[netip.Prefix]*prefix
	ready     addressHeap // working addresses that wait and have a slot free
	standby   []*address  // that wait to be working, first come first served
	working   int         // addresses
	dead      []*site     // sites of hosts without an address
	names     []string    // hosts to be looked up
	lookups   int         // hosts that are not found yet
	idle      *list.List  // of *host, without sites, the longest idle first
	active    int
	stopped   bool
	err       error // of the store
	tasks     waiters[*Task]
	lookers   waiters[string]
	timer     *time.Timer // fires when the first of ready may be used
	met       struct{ hosts, addresses int }
	pause     time.Duration // the shortest seen
}

// New returns a frontier over a store, which it starts.
func New(store Store, limits Limits) (*Frontier, error) {
	f := &Frontier{
		limits:    limits,
		store:     store,
		hosts:     make(map[string]*host),
		sites:     make(map[string]*site),
		addresses: make(map[netip.Addr]*address),
		prefixes:  make(map[netip.Prefix]*prefix),
		idle:      list.New(),
	}
	f.timer = time.AfterFunc(time.Hour, f.wake)
	f.timer.Stop()
	return f, store.Start(f.more)
}

// Add adds links. None may be nil-valued; those seen before are left out.
func (f *Frontier) Add(links []Link) (added int, err error) { return f.store.Add(links) }

// Next waits for a URL that may be fetched now. It returns io.EOF at the end,
// the context's error, or the store's.
func (f *Frontier) Next(ctx context.Context) (*Task, error) {
	f.mu.Lock()
	w := f.tasks.enter()
	f.dispatch()
	f.mu.Unlock()
	t, err := wait(ctx, &f.mu, &f.tasks, w)
	if err != nil && t != nil { // both came at once
		f.Return(t, 0)
		t = nil
	}
	return t, err
}

// Name waits for a host whose address is to be looked up. Found answers it.
// Errors are as those of Next.
func (f *Frontier) Name(ctx context.Context) (string, error) {
	f.mu.Lock()
	w := f.lookers.enter()
	f.dispatch()
	f.mu.Unlock()
	return wait(ctx, &f.mu, &f.lookers, w)
}

// Found says where a host lives, or why that cannot be found out: then its
// URLs come as tasks with that error.
func (f *Frontier) Found(name string, addr netip.Addr, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.hosts[name]
	if h == nil || h.found {
		return
	}
	f.lookups--
	f.settle(h, addr, err)
	for _, s := range h.sites {
		f.enqueue(s)
	}
	f.dispatch()
}

// Done ends a task and adds what it led to. pause is how long its address is
// left alone, if that is longer than Limits.Pause; negative when it was not
// asked at all. The error is the store's.
func (f *Frontier) Done(t *Task, pause time.Duration, found []Link) error {
	err := f.store.Finish(t.Item, found)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end(t, pause)
	f.dispatch()
	return err
}

// Return ends a task whose URL has not been fetched: it comes again, as the
// first of its site. pause is as in Done.
func (f *Frontier) Return(t *Task, pause time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t.site.taken = slices.Insert(t.site.taken, 0, t.Item)
	if a := t.site.host.address; a != nil {
		a.first(t.site)
		a.share = min(a.share, shareMax-1)
	} else {
		f.enqueue(t.site)
	}
	f.end(t, pause)
	f.dispatch()
}

// Abandon ends a task that is left to the next run.
func (f *Frontier) Abandon(t *Task) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end(t, 0)
	f.dispatch()
}

// Stop ends the crawl early: Next and Name return io.EOF from now on.
func (f *Frontier) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	f.dispatch()
}

// Counts says how far things are.
func (f *Frontier) Counts() Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Counts{f.store.Counts(), f.active, f.met.hosts, f.met.addresses}
}

// wake is what the timer calls, and whoever knows that the end may have come.
func (f *Frontier) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dispatch()
}

// more is what the store calls: a site has links.
func (f *Frontier) more(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if name != "" {
		s := f.sites[name]
		if s == nil {
			s = f.newSite(name)
		}
		s.more = true
		f.enqueue(s)
	}
	f.dispatch()
}

func (f *Frontier) newSite(name string) *site {
	_, hostName, _ := weburl.Split(name)
	h := f.hosts[hostName]
	if h == nil {
		h = f.newHost(hostName)
	}
	if h.idle != nil {
		f.idle.Remove(h.idle)
		h.idle = nil
	}
	s := &site{name: name, host: h}
	h.sites = append(h.sites, s)
	f.sites[name] = s
	return s
}

func (f *Frontier) newHost(name string) *host {
	h := &host{name: name}
	f.hosts[name] = h
	f.met.hosts++
	if addr, err := netip.ParseAddr(name); err == nil {
		f.settle(h, addr, nil)
	} else {
		f.names = append(f.names, name)
		f.lookups++
	}
	return h
}

// settle gives a host its address.
func (f *Frontier) settle(h *host, addr netip.Addr, err error) {
	if err == nil && f.limits.Refuse != nil {
		err = f.limits.Refuse(addr)
	}
	h.err, h.found = err, true
	if err != nil {
		return
	}
	h.address = f.place(addr)
	h.address.hosts++
}

func (f *Frontier) place(addr netip.Addr) *address {
	a := f.addresses[addr]
	if a == nil {
		a = &address{addr: addr, index: -1, prefix: f.neighbourhood(addr)}
		a.prefix.addresses++
		f.addresses[addr] = a
		f.met.addresses++
	}
	return a
}

func (f *Frontier) neighbourhood(addr netip.Addr) *prefix {
	key := PrefixOf(addr)
	p := f.prefixes[key]
	if p == nil {
		p = &prefix{key: key}
		f.prefixes[key] = p
	}
	return p
}

// enqueue puts a site where it waits for its turn.
func (f *Frontier) enqueue(s *site) {
	switch h := s.host; {
	case !h.found: // Found will do it
	case h.address != nil:
		h.address.enqueue(s)
		f.schedule(h.address)
	case !s.queued:
		s.queued = true
		f.dead = append(f.dead, s)
	}
}

// schedule puts an address where it belongs after anything about it changed.
func (f *Frontier) schedule(a *address) {
	f.rest(a)
	switch usable := a.usable(f.limits.PerAddress); {
	case usable && a.index < 0:
		heap.Push(&f.ready, a)
	case usable:
		heap.Fix(&f.ready, a.index)
	case a.index >= 0:
		heap.Remove(&f.ready, a.index)
	}
}

// rest ends the turn of a working address that has had its share, or has
// nothing any more, and puts one that has something into the line.
func (f *Frontier) rest(a *address) {
	if a.working && a.active == 0 && (len(a.sites) == 0 || a.share >= shareMax) {
		a.working = false
		f.working--
	}
	if !a.working && !a.standby && len(a.sites) > 0 {
		a.standby = true
		f.standby = append(f.standby, a)
	}
}

// admit makes the first address that stands by a working one, if there is one
// and room.
func (f *Frontier) admit() bool {
	if len(f.standby) == 0 || f.working >= workingMax {
		return false
	}
	a := f.standby[0]
	f.standby[0] = nil
	f.standby = f.standby[1:]
	a.standby, a.working, a.share = false, true, 0
	f.working++
	f.schedule(a)
	return true
}

// end takes a task back.
func (f *Frontier) end(t *Task, pause time.Duration) {
	f.active--
	s := t.site
	s.active--
	if a := s.host.address; t.Slot != nil {
		a.free = append(a.free, t.Slot)
		f.release(a, pause)
	}
	f.forget(s)
}

// LeastPause is the shortest time between the end of a task and the beginning of
// the next one at the same address; 0 while there was none.
func (f *Frontier) LeastPause() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pause
}

// notePause looks how long an address that is asked now was left alone.
func (f *Frontier) notePause(a *address, now time.Time) {
	if a.left.IsZero() {
		return
	}
	if pause := now.Sub(a.left); f.pause == 0 || pause < f.pause {
		f.pause = max(pause, 1)
	}
}

// leave gives up one of a prefix's slots, to those who wait for it.
func (f *Frontier) leave(p *prefix) {
	p.active--
	for _, a := range p.parked {
		a.parked = false
		f.schedule(a)
	}
	p.parked = p.parked[:0]
}

// release takes a connection to an address back.
func (f *Frontier) release(a *address, pause time.Duration) {
	a.active--
	if now := time.Now(); pause >= 0 {
		a.left = now
		if next := now.Add(max(pause, f.limits.Pause)); next.After(a.next) {
			a.next = next
		}
	}
	f.leave(a.prefix)
	f.schedule(a)
}

// forget drops a site that has nothing to do, and with the last one of a host,
// in time, the host.
func (f *Frontier) forget(s *site) {
	if s.waits() || s.active > 0 || s.queued {
		return
	}
	h := s.host
	delete(f.sites, s.name)
	h.sites = slices.DeleteFunc(h.sites, func(other *site) bool { return other == s })
	if len(h.sites) > 0 {
		return
	}
	h.idle = f.idle.PushBack(h)
	if f.idle.Len() > idleMax {
		f.forgetHost(f.idle.Front().Value.(*host))
	}
}

// forgetHost drops an idle host, unless its address still has to be left alone.
func (f *Frontier) forgetHost(h *host) {
	a := h.address
	if a != nil && a.hosts == 1 && time.Now().Before(a.next) {
		f.idle.MoveToBack(h.idle)
		return
	}
	f.idle.Remove(h.idle)
	delete(f.hosts, h.name)
	if a == nil {
		return
	}
	if a.hosts--; a.hosts > 0 {
		return
	}
	delete(f.addresses, a.addr)
	if a.prefix.addresses--; a.prefix.addresses == 0 {
		delete(f.prefixes, a.prefix.key)
	}
}
