package gnucrawl

import (
	"sync/atomic"

	"myriad/examples/internal/gnutella"
)

// limits keep to what one address, and one /24, sees of us at a time. They
// belong to one worker, which has all nodes of a /24; a nil one is without.
type limits struct{ hosts, nets hall }

// hall counts the connections to each address, or prefix, and has the tasks
// that wait for one of them to end.
type hall struct {
	limit int           // 0 is without
	most  *atomic.Int32 // the most that any has seen
	by    map[uint32]*guests
}

type guests struct {
	count   int
	waiting []task
}

func (c *Crawl) newLimits() *limits {
	if c.o.PerAddress == 0 && c.o.PerPrefix == 0 {
		return nil
	}
	return &limits{
		hosts: hall{limit: c.o.PerAddress, most: &c.mostAtHost, by: map[uint32]*guests{}},
		nets:  hall{limit: c.o.PerPrefix, most: &c.mostAtNet, by: map[uint32]*guests{}},
	}
}

func hostOf(a gnutella.Address) uint32 { return uint32(a >> 16) }
func netOf(a gnutella.Address) uint32  { return uint32(a >> netShift) }

// netShift leaves the /24 of an address.
const netShift = 24

// enter takes a place for a connection, or has the task wait for one to end.
// Where the prefix has room that the address has not, it is another's.
func (l *limits) enter(a gnutella.Address, t task, q *queue) bool {
	switch {
	case l.hosts.full(hostOf(a)):
		l.hosts.wait(hostOf(a), t)
		if !l.nets.full(netOf(a)) {
			l.nets.next(netOf(a), q)
		}
		return false
	case l.nets.full(netOf(a)):
		l.nets.wait(netOf(a), t)
		return false
	}
	l.hosts.enter(hostOf(a))
	l.nets.enter(netOf(a))
	return true
}

// leave gives a place back, and those that have waited longest another turn.
func (l *limits) leave(a gnutella.Address, q *queue) {
	l.hosts.leave(hostOf(a), q)
	l.nets.leave(netOf(a), q)
}

func (h *hall) full(key uint32) bool {
	g := h.by[key]
	return h.limit > 0 && g != nil && g.count >= h.limit
}

func (h *hall) wait(key uint32, t task) {
	g := h.by[key]
	g.waiting = append(g.waiting, t)
}

func (h *hall) enter(key uint32) {
	if h.limit == 0 {
		return
	}
	g := h.by[key]
	if g == nil {
		g = new(guests)
		h.by[key] = g
	}
	g.count++
	n := int32(g.count)
	for most := h.most.Load(); n > most && !h.most.CompareAndSwap(most, n); most = h.most.Load() {
	}
}

func (h *hall) leave(key uint32, q *queue) {
	if h.limit == 0 {
		return
	}
	h.by[key].count--
	h.next(key, q)
}

// next gives the first that waits another turn.
func (h *hall) next(key uint32, q *queue) {
	g := h.by[key]
	if g == nil {
		return
	}
	if len(g.waiting) > 0 {
		q.push(g.waiting[0])
		g.waiting = g.waiting[1:]
	} else if g.count == 0 {
		delete(h.by, key)
	}
}

// Most is the most connections at a time that any address, and any /24, has
// seen; where there is no limit it is not looked at. Any goroutine may ask.
func (c *Crawl) Most() (address, prefix int) {
	return int(c.mostAtHost.Load()), int(c.mostAtNet.Load())
}
