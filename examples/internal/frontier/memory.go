package frontier

import (
	"container/heap"
	"context"
	"io"
	"net/netip"
	"sync"
	"time"

	"myriad/examples/internal/weburl"
)

// Memory is a frontier in memory.
type Memory struct {
	limits Limits

	mu        sync.Mutex
	seen      map[string]struct{}
	hosts     map[string]*host
	sites     map[string]*site
	addresses map[netip.Addr]*address
	ready     addressHeap // addresses with URLs waiting and a slot free
	dead      []*Task     // URLs of hosts without an address
	names     []string    // hosts to be looked up
	lookups   int         // hosts that are not found yet
	waiting   int
	active    int
	stopped   bool
	tasks     waiters[*Task]
	lookers   waiters[string]
	timer     *time.Timer // fires when the first of ready may be used
}

// host is a name on its way to an address.
type host struct {
	addr    netip.Addr
	err     error
	found   bool
	waiting []string
}

// NewMemory returns an empty frontier.
func NewMemory(limits Limits) *Memory {
	m := &Memory{
		limits:    limits,
		seen:      make(map[string]struct{}),
		hosts:     make(map[string]*host),
		sites:     make(map[string]*site),
		addresses: make(map[netip.Addr]*address),
	}
	m.timer = time.AfterFunc(time.Hour, m.wake)
	m.timer.Stop()
	return m
}

// Add implements Interface.
func (m *Memory) Add(urls []string) (added int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range urls {
		if _, again := m.seen[u]; again || m.stopped {
			continue
		}
		m.seen[u] = struct{}{}
		m.waiting++
		added++
		m.add(u)
	}
	m.dispatch()
	return added
}

func (m *Memory) add(u string) {
	siteName, hostName, _ := weburl.Split(u)
	h := m.hosts[hostName]
	if h == nil {
		h = m.newHost(hostName)
	}
	switch {
	case !h.found:
		h.waiting = append(h.waiting, u)
	case h.err != nil:
		m.dead = append(m.dead, &Task{URL: u, Site: siteName, Err: h.err})
	default:
		m.push(siteName, h.addr, u)
	}
}

func (m *Memory) newHost(name string) *host {
	h := &host{}
	if addr, err := netip.ParseAddr(name); err == nil {
		h.addr, h.found = addr, true
	} else {
		m.names = append(m.names, name)
		m.lookups++
	}
	m.hosts[name] = h
	return h
}

func (m *Memory) push(siteName string, addr netip.Addr, u string) {
	s := m.sites[siteName]
	if s == nil {
		a := m.addresses[addr]
		if a == nil {
			a = &address{addr: addr, index: -1}
			m.addresses[addr] = a
		}
		s = &site{name: siteName, address: a}
		m.sites[siteName] = s
	}
	s.address.push(s, u)
	m.schedule(s.address)
}

// Found implements Interface.
func (m *Memory) Found(name string, addr netip.Addr, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.hosts[name]
	if h == nil || h.found {
		return
	}
	h.addr, h.err, h.found = addr, err, true
	m.lookups--
	for _, u := range h.waiting {
		m.add(u)
	}
	h.waiting = nil
	m.dispatch()
}

// Next implements Interface.
func (m *Memory) Next(ctx context.Context) (*Task, error) {
	m.mu.Lock()
	w := m.tasks.enter()
	m.dispatch()
	m.mu.Unlock()
	t, err := wait(ctx, &m.mu, &m.tasks, w)
	if err != nil && t != nil { // both came at once
		m.Return(t, 0)
		t = nil
	}
	return t, err
}

// Name implements Interface.
func (m *Memory) Name(ctx context.Context) (string, error) {
	m.mu.Lock()
	w := m.lookers.enter()
	m.dispatch()
	m.mu.Unlock()
	return wait(ctx, &m.mu, &m.lookers, w)
}

// Done implements Interface.
func (m *Memory) Done(t *Task, pause time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end(t, pause)
	m.dispatch()
}

// Return implements Interface.
func (m *Memory) Return(t *Task, pause time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting++
	if t.site == nil {
		m.dead = append(m.dead, t)
	} else {
		t.site.address.pushFirst(t.site, t.URL)
	}
	m.end(t, pause)
	m.dispatch()
}

func (m *Memory) end(t *Task, pause time.Duration) {
	m.active--
	if t.site == nil {
		return
	}
	a := t.site.address
	a.active--
	a.free = append(a.free, t.Slot)
	if next := time.Now().Add(max(pause, m.limits.Pause)); pause >= 0 && next.After(a.next) {
		a.next = next
	}
	m.schedule(a)
}

// Stop implements Interface.
func (m *Memory) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
	m.dispatch()
}

// Counts implements Interface.
func (m *Memory) Counts() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Counts{len(m.seen), m.waiting, m.active, len(m.hosts), len(m.addresses)}
}

func (m *Memory) wake() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dispatch()
}

// schedule puts an address where it belongs after anything about it changed.
func (m *Memory) schedule(a *address) {
	usable := a.waiting > 0 && a.active < m.limits.PerAddress
	switch {
	case usable && a.index < 0:
		heap.Push(&m.ready, a)
	case usable:
		heap.Fix(&m.ready, a.index)
	case a.index >= 0:
		heap.Remove(&m.ready, a.index)
	}
}

// dispatch gives those who wait what there is for them.
func (m *Memory) dispatch() {
	if m.stopped || m.waiting == 0 && m.active == 0 && m.lookups == 0 {
		m.tasks.end(io.EOF)
		m.lookers.end(io.EOF)
		m.timer.Stop()
		return
	}
	for len(m.names) > 0 && m.lookers.give(m.names[0]) {
		m.names = m.names[1:]
	}
	for len(m.dead) > 0 && m.tasks.give(m.dead[0]) {
		m.dead = m.dead[1:]
		m.handedOut()
	}
	now := time.Now()
	for len(m.ready) > 0 && m.tasks.any() {
		a := m.ready[0]
		if wait := a.next.Sub(now); wait > 0 {
			m.timer.Reset(wait)
			return
		}
		m.tasks.give(a.take())
		a.next = now // behind the others
		m.schedule(a)
		m.handedOut()
	}
}

func (m *Memory) handedOut() {
	m.waiting--
	m.active++
}
