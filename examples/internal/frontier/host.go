package frontier

import (
	"container/list"
	"net/netip"
	"slices"
	"time"
)

// host is a name or an address, and where it lives.
type host struct {
	name    string
	address *address // nil until it is found, and when it has none
	err     error    // why it has no address
	found   bool
	sites   []*site       // all of its sites in memory
	idle    *list.Element // in Frontier.idle, while none of its sites has anything
}

// site is a queue of one host.
type site struct {
	name   string
	host   *host
	taken  []Item // from the store, not handed out yet
	last   uint64 // the last Seq that was taken
	more   bool   // the store may have more
	queued bool   // in its address's line, or among the dead
	active int    // tasks handed out
}

// waits reports whether the site may have something to hand out.
func (s *site) waits() bool { return s.more || len(s.taken) > 0 }

// address is what politeness is owed to.
type address struct {
	addr   netip.Addr
	prefix *prefix
	hosts  int     // in memory, that live here
	sites  []*site // those that wait; the first one has its turn
	turn   int     // URLs that the first one has had
	active int     // tasks handed out
	free   []*Slot
	next   time.Time // not to be asked before
	left   time.Time // when a task last ended that has asked it
	index  int       // in the heap, or -1
	parked bool      // in its prefix's line

	working bool // among those asked in turn now
	standby bool // in the line of those that will be
	share   int  // URLs that went out since it is working
}

// prefix is a neighbourhood of addresses.
type prefix struct {
	key       netip.Prefix
	addresses int
	active    int        // tasks handed out
	parked    []*address // that could be asked, but for the prefix
}

// PrefixOf is the neighbourhood that an address has in common with others: its
// /24 or /64.
func PrefixOf(a netip.Addr) netip.Prefix {
	bits := 64
	if a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits)
	return p
}

// turnMax is how many URLs of a site go out before the next site of the same
// address has its turn: more keeps connections in use, fewer is fairer.
const turnMax = 32

// first puts a site at the head of the line of its address.
func (a *address) first(s *site) {
	if len(a.sites) > 0 && a.sites[0] == s {
		return
	}
	if s.queued {
		a.sites = slices.DeleteFunc(a.sites, func(other *site) bool { return other == s })
	}
	s.queued, a.turn = true, 0
	a.sites = slices.Insert(a.sites, 0, s)
}

// usable reports whether the address may be asked once its time has come.
func (a *address) usable(slots int) bool {
	return a.working && !a.parked && len(a.sites) > 0 && a.active < slots && a.share < shareMax
}

// enqueue puts a site into the line of its address.
func (a *address) enqueue(s *site) {
	if !s.queued {
		s.queued = true
		a.sites = append(a.sites, s)
	}
}

// advance gives the turn on when the first site has had its share, or has
// nothing any more.
func (a *address) advance() {
	s := a.sites[0]
	if s.waits() && a.turn < turnMax {
		return
	}
	a.turn = 0
	a.sites[0] = nil
	a.sites = a.sites[1:]
	if s.waits() {
		a.sites = append(a.sites, s)
	} else {
		s.queued = false
	}
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
