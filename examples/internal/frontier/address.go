package frontier

import (
	"net/netip"
	"time"
)

// turnMax is how many URLs of a site go out before the next site of the same
// address has its turn: more keeps connections in use, fewer is fairer.
const turnMax = 32

// address is what politeness is owed to.
type address struct {
	addr    netip.Addr
	sites   []*site // those with URLs waiting; the first one has its turn
	turn    int     // URLs that the first one has had
	waiting int     // URLs of all sites
	active  int     // tasks handed out
	free    []*Slot
	next    time.Time // not to be asked before
	index   int       // in the heap, or -1
}

type site struct {
	name    string
	address *address
	waiting []string
}

func (a *address) push(s *site, u string) {
	if len(s.waiting) == 0 {
		a.sites = append(a.sites, s)
	}
	s.waiting = append(s.waiting, u)
	a.waiting++
}

func (a *address) pushFirst(s *site, u string) {
	a.push(s, u)
	copy(s.waiting[1:], s.waiting)
	s.waiting[0] = u
}

// take makes a task of the next URL.
func (a *address) take() *Task {
	s := a.sites[0]
	u := s.waiting[0]
	s.waiting[0] = ""
	s.waiting = s.waiting[1:]
	a.waiting--
	a.active++
	if a.turn++; len(s.waiting) == 0 || a.turn >= turnMax {
		a.turn = 0
		a.sites = a.sites[1:]
		if len(s.waiting) > 0 {
			a.sites = append(a.sites, s)
		}
	}
	return &Task{URL: u, Site: s.name, Addr: a.addr, Slot: a.slot(s.name), site: s}
}

// slot takes a free slot, one with a connection to the site by preference, or
// makes one: the caller has seen that there are not too many.
func (a *address) slot(site string) *Slot {
	last := len(a.free) - 1
	if last < 0 {
		return &Slot{Site: site}
	}
	for i, s := range a.free {
		if s.Site == site {
			a.free[i], a.free[last] = a.free[last], s
			break
		}
	}
	s := a.free[last]
	a.free = a.free[:last]
	return s
}

// addressHeap has the address that may be asked first on top.
type addressHeap []*address

func (h addressHeap) Len() int           { return len(h) }
func (h addressHeap) Less(i, j int) bool { return h[i].next.Before(h[j].next) }

func (h addressHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *addressHeap) Push(x any) {
	a := x.(*address)
	a.index = len(*h)
	*h = append(*h, a)
}

func (h *addressHeap) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	a.index = -1
	return a
}
