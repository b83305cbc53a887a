package linklayer

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// NeighborsMax is the number of entries of a Neighbors.
	NeighborsMax = 1024
	// NeighborTries requests are sent NeighborRetry apart (RFC 4861 §10 has
	// the same figures for IPv6) before an address counts as failed.
	NeighborTries = 3
	NeighborRetry = time.Second
	// NeighborFailedFor is how long nothing is asked about a failed address.
	NeighborFailedFor = 3 * time.Second
	// NeighborConfirmAfter is the age at which an entry in use is confirmed
	// anew; RFC 1122 §2.3.2.1 suggests a minute.
	NeighborConfirmAfter = 60 * time.Second
)

// ErrNeighborsFull: every entry is permanent or in use.
var ErrNeighborsFull = errors.New("neighbour table is full")

// Neighbors maps the addresses on one link to hardware addresses (RFC 826),
// for all workers of an interface. Look-ups take no lock; everything else
// takes a mutex and is rare.
//
// It believes what it asked for, and nothing else: an unknown address is
// learned only while a request of ours is out. The hardware address of a known
// entry moves only after a request of our own that the old one did not answer:
// the first goes to the old address alone, and only when a NeighborRetry has
// passed without its answer is everybody asked.
//
//	        Request            Learn                 60 s in use,
//	(none) ─────────► pending ───────► reachable ──────────────────► confirming
//	   ▲                 │ 3 tries         ▲      another's claim        │ │
//	   └──── failed ◄────┴─────────────────┼─────── Learn ───────────────┘ │
//	         (3 s)  ◄──────────────────────┴─────── 3 tries ───────────────┘
type Neighbors struct {
	current atomic.Pointer[snapshot]
	version atomic.Uint32

	mu       sync.Mutex
	entries  map[[16]byte]*neighbor
	counters NeighborCounters
	// fullUntil spares a full table the search for a victim on every request.
	fullUntil time.Duration
}

// neighborsFullPause is how long a table that had no room is taken as full.
const neighborsFullPause = 50 * time.Millisecond

// NeighborCounters are totals since the table was made.
type NeighborCounters struct {
	Requests    uint64 // to be sent, as told by Request and Due
	Learned     uint64 // new or moved addresses
	Confirmed   uint64 // known ones confirmed
	Unsolicited uint64 // replies that nobody asked for, ignored
	Conflicts   uint64 // replies that would have moved a known address, ignored
	Failed      uint64 // addresses that did not answer
	Evicted     uint64 // entries that gave way to others
	Full        uint64 // requests refused for want of an entry
}

type neighborState uint8

const (
	_                  neighborState = iota
	neighborPending                  // asked, never answered
	neighborReachable                // answered
	neighborConfirming               // answered before, asked again; the address is still used
	neighborFailed                   // did not answer
	neighborPermanent                // set by the user
)

type neighbor struct {
	state neighborState
	mac   [6]byte
	tries int
	sent  time.Duration // when the last request left, or the failure was noted
	since time.Duration // when the address was last confirmed
	used  atomic.Bool   // looked up since it was last confirmed
}

func (e *neighbor) hasMAC() bool {
	return e.state == neighborReachable || e.state == neighborConfirming || e.state == neighborPermanent
}

// Probe is an ARP request to be sent: to Known alone, or to everybody when
// that is zero. It has the arguments of EmitARPRequest.
type Probe struct {
	IP    [16]byte
	Known [6]byte
}

// NewNeighbors returns an empty table.
func NewNeighbors() *Neighbors {
	n := &Neighbors{entries: map[[16]byte]*neighbor{}}
	n.current.Store(newSnapshot(nil))
	return n
}

// Lookup returns the hardware address of ip. Any goroutine may call it; it
// does not block or allocate.
func (n *Neighbors) Lookup(ip [16]byte) (mac [6]byte, ok bool) {
	slot := n.current.Load().find(&ip)
	if slot == nil {
		return mac, false
	}
	if !slot.used.Load() { // written once a minute, so the line stays shared
		slot.used.Store(true)
	}
	return slot.mac, true
}

// Version changes whenever an answer of Lookup or Failed may have: who waits
// for an address need not look before.
func (n *Neighbors) Version() uint32 { return n.version.Load() }

// Set enters a hardware address that comes from the user (permanent: nothing
// ever changes it) or from the kernel's table (confirmed like a learned one).
func (n *Neighbors) Set(ip [16]byte, mac [6]byte, now time.Duration, permanent bool) error {
	if !isStation(&mac) {
		return fmt.Errorf("linklayer: set neighbour: hardware address %x is not a station's: give a unicast address", mac)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.entries[ip]
	if e == nil {
		if e = n.insert(ip, now); e == nil {
			return fmt.Errorf("linklayer: set neighbour: %d entries: %w", NeighborsMax, ErrNeighborsFull)
		}
	}
	n.settle(e, mac, now)
	if permanent {
		e.state = neighborPermanent
	}
	n.publish()
	return nil
}

// Request says that ip is wanted, and reports whether an ARP request for it is
// to be sent now. It may be called as often as one likes. When it reports
// false, the address is known, or asked for already, or failed (see Failed).
func (n *Neighbors) Request(ip [16]byte, now time.Duration) (send bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.entries[ip]
	if e == nil {
		if e = n.insert(ip, now); e == nil {
			n.counters.Full++
			return false
		}
		e.state = neighborPending
	}
	e.used.Store(true)
	return n.step(e, now)
}

// Failed reports whether ip did not answer and nothing is asked about it now.
func (n *Neighbors) Failed(ip [16]byte) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.entries[ip]
	return e != nil && e.state == neighborFailed
}

// Due fills probes with the requests that are to be sent now: repeated ones,
// and those that confirm entries in use. One worker calls it about twice a
// second; it also notes the addresses that failed. What does not fit comes
// with the next call.
func (n *Neighbors) Due(now time.Duration, probes []Probe) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for ip, e := range n.entries {
		if count == len(probes) {
			return count
		}
		if e.state == neighborFailed || !n.step(e, now) {
			continue
		}
		probes[count] = Probe{IP: ip}
		if e.asksOnlyKnown() {
			probes[count].Known = e.mac
		}
		count++
	}
	return count
}

// Learn takes the sender of an ARP reply that came to one of our addresses,
// and reports whether it told anything new or confirmed what was known.
func (n *Neighbors) Learn(ip [16]byte, mac [6]byte, now time.Duration) bool {
	if !isStation(&mac) {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.entries[ip]
	if e == nil || e.state == neighborFailed || e.state == neighborPermanent {
		n.counters.Unsolicited++
		return false
	}
	moved := mac != e.mac || !e.hasMAC()
	if !moved {
		n.counters.Confirmed++
		n.settle(e, mac, now)
		return true
	}
	if e.state == neighborReachable || e.asksOnlyKnown() {
		n.counters.Conflicts++
		n.doubt(e, now)
		return false
	}
	n.counters.Learned++
	n.settle(e, mac, now)
	n.publish()
	return true
}

// Counters returns totals so far.
func (n *Neighbors) Counters() NeighborCounters {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.counters
}

// Len returns the number of entries, whatever their state.
func (n *Neighbors) Len() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.entries)
}

// asksOnlyKnown reports whether the request that is out went to the known
// address alone.
func (e *neighbor) asksOnlyKnown() bool {
	return e.state == neighborConfirming && e.tries <= 1
}

// settle makes an entry reachable and confirmed.
func (n *Neighbors) settle(e *neighbor, mac [6]byte, now time.Duration) {
	e.state, e.mac = neighborReachable, mac
	e.tries, e.since = 0, now
	e.used.Store(false)
}

// doubt has a reachable entry confirmed by the next Due, once a second at
// most: somebody else claims its address.
func (n *Neighbors) doubt(e *neighbor, now time.Duration) {
	if e.state == neighborReachable && now-e.since >= NeighborRetry {
		e.state, e.tries = neighborConfirming, 0
	}
}

// step moves an entry on in time and reports whether a request is due.
func (n *Neighbors) step(e *neighbor, now time.Duration) (send bool) {
	switch e.state {
	case neighborPermanent:
		return false
	case neighborReachable:
		if !e.used.Load() || now-e.since < NeighborConfirmAfter {
			return false
		}
		e.state, e.tries = neighborConfirming, 0
	case neighborFailed:
		if now-e.sent < NeighborFailedFor {
			return false
		}
		e.state, e.tries = neighborPending, 0
		n.version.Add(1)
	}
	if e.tries > 0 && now-e.sent < NeighborRetry {
		return false
	}
	if e.tries == NeighborTries {
		n.fail(e, now)
		return false
	}
	e.tries++
	e.sent = now
	n.counters.Requests++
	return true
}

// fail gives an address up for a while.
func (n *Neighbors) fail(e *neighbor, now time.Duration) {
	known := e.hasMAC()
	e.state, e.sent = neighborFailed, now
	n.counters.Failed++
	if known {
		n.publish()
		return
	}
	n.version.Add(1)
}

// publish makes the entries visible to Lookup.
func (n *Neighbors) publish() {
	n.current.Store(newSnapshot(n.entries))
	n.version.Add(1)
}

// insert adds an entry, at the cost of one that is stale when there is no
// room; nil when none is.
func (n *Neighbors) insert(ip [16]byte, now time.Duration) *neighbor {
	if len(n.entries) >= NeighborsMax {
		if now < n.fullUntil {
			return nil
		}
		if !n.evict(now) {
			n.fullUntil = now + neighborsFullPause
			return nil
		}
	}
	e := &neighbor{since: now, sent: now}
	n.entries[ip] = e
	return e
}

// evict removes the entry that is missed least: a failed one, else one that
// nobody looked up since it was confirmed; of these the oldest.
func (n *Neighbors) evict(now time.Duration) bool {
	var victim [16]byte
	best, found := 0, false
	var age time.Duration
	for ip, e := range n.entries {
		rank, since := e.evictRank(), now-max(e.sent, e.since)
		if rank > 0 && (!found || rank > best || rank == best && since > age) {
			victim, best, age, found = ip, rank, since, true
		}
	}
	if !found {
		return false
	}
	known := n.entries[victim].hasMAC()
	delete(n.entries, victim)
	n.counters.Evicted++
	if known {
		n.publish()
	}
	return true
}

// evictRank is higher for entries that are missed less; 0 for those that stay.
func (e *neighbor) evictRank() int {
	switch {
	case e.state == neighborFailed:
		return 2
	case e.state == neighborReachable && !e.used.Load():
		return 1
	}
	return 0
}
