package frontier

import (
	"errors"
	"net/netip"
	"time"
)

// Task is one URL to be fetched.
type Task struct {
	Item
	Site string     // "http://host:port", the default port left out
	Addr netip.Addr // where the host lives
	Slot *Slot      // nil when Err is set
	Err  error      // why the host has no address; nothing is to be fetched

	site *site
}

// Slot is the right to one connection. Whoever holds the task may use both
// fields as it likes: they are how a connection is kept from one task to the
// next.
type Slot struct {
	Site string // the site of the connection kept; of the same task, by preference
	Keep any
}

// Limits is what politeness allows.
type Limits struct {
	// PerAddress is the number of slots of one address; at least 1. A host has
	// one address at a time, so that it has no more either.
	PerAddress int
	// PerPrefix is the number of slots in use in one /24 of IPv4 addresses or
	// /64 of IPv6 addresses; 0 is without limit.
	PerPrefix int
	// Pause is the time between the end of a task and the beginning of the
	// next one at the same address, hence also of the same host.
	Pause time.Duration
	// Refuse says why an address is not to be asked at all, nil if it may be;
	// its errors match ErrExcluded. nil refuses none.
	Refuse func(netip.Addr) error
}

// ErrExcluded: the address is one that is left alone.
var ErrExcluded = errors.New("address is left alone")

// Counts are totals, and what is in hand now.
type Counts struct {
	StoreCounts
	Active    int // tasks handed out and not ended
	Hosts     int // hosts in memory: those with links, and some that had
	Addresses int // addresses in memory
}
