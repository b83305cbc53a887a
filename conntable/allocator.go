package conntable

import (
	"errors"
	"fmt"
	"time"

	"myriad/internal/rss"
)

// Errors of Allocator.
var (
	ErrBusy     = errors.New("conntable: no free tuple found yet")                  // try again: the search goes on
	ErrResting  = errors.New("conntable: tuple rests after its last connection")    // try again after the rest
	ErrNotOwned = errors.New("conntable: tuple is outside the allocator's sources") // or ports, or another shard's
)

// Probes of one call: first in order, then at random over the whole space (an
// order may run into a long stretch of tuples that are taken), then on in
// order. Their sum bounds the time of a call to some 50 µs.
const (
	probesInOrder  = 16
	probesAtRandom = 256
	probesOnward   = 1024
	// probesSteered is for each shard. Few would do if the hash were random, but
	// it is linear, and with many a key it does not tell neighbouring ports
	// apart: of 400 random keys 93 sent more than 1 % elsewhere with 8, and 12
	// with 64.
	probesSteered = 64
)

// destinationSlots is the number of destinations told apart; those that share
// a slot share a counter, never an offset.
const destinationSlots = 1 << 12

// SourcesMax is the largest number of local addresses of one allocator.
const SourcesMax = 1 << 16

// Owner returns the shard that owns a local port, 0 ≤ Owner < shards.
func Owner(port uint16, shards int) int { return int(uint32(port) % uint32(shards)) }

// AllocatorConfig says which tuples an Allocator may hand out.
type AllocatorConfig struct {
	// Sources is the number of local addresses, 1 to SourcesMax.
	Sources int
	// PortMin and PortMax bound the local ports; both are used.
	PortMin, PortMax uint16
	// Shard and Shards leave only the ports with Owner(port, Shards) == Shard;
	// 0 ≤ Shard < Shards.
	Shard, Shards int
	// Seed makes the choice unpredictable to others.
	Seed [2]uint64
	// Steering prefers tuples whose packets the device itself puts on the
	// shard's own queue; nil where that is not known.
	Steering *Steering
}

// Steering is how a device with RSS spreads what it receives.
type Steering struct {
	Hash *rss.Hash
	// Local are the hash's parts of the local addresses, by their index.
	Local []uint32
}

// Allocator chooses the local end of a connection, per destination: the same
// local address and port serve many destinations at once.
//
// The choice follows RFC 6056 §3.3.4: a keyed hash of the destination gives
// the start, a counter goes on from there, so that successive connections take
// the tuple whose last use is the longest ago (with Steering, of those whose
// packets arrive on the shard's own queue, while one of the next few is free). The source changes with each
// step and the port, offset by a keyed hash of source and destination, with
// each round of the sources: the sources are used evenly.
type Allocator struct {
	sources uint32
	first   uint32 // lowest port owned
	step    uint32 // from one port owned to the next
	ports   uint32 // number of ports owned
	key     hashKey
	draws   uint64
	drawn   drawn
	search  Search // kept here because setting one up anew costs as much as running it
	slots   []destination

	steering *Steering
	shard    uint32
}

// destination is where the search for a destination stands.
type destination struct {
	counter uint64
	name    uint32 // of the destination that misses belongs to
	misses  uint32 // tuples found taken, in order, in this pass
}

// NewAllocator makes an allocator.
func NewAllocator(cfg AllocatorConfig) (*Allocator, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	first := int(cfg.PortMin) + (cfg.Shard-Owner(cfg.PortMin, cfg.Shards)+cfg.Shards)%cfg.Shards
	if first > int(cfg.PortMax) {
		return nil, fmt.Errorf("conntable: new allocator: PortMin %d to PortMax %d holds no port of Shard %d of %d: widen the range or use fewer workers",
			cfg.PortMin, cfg.PortMax, cfg.Shard, cfg.Shards)
	}
	return &Allocator{
		sources: uint32(cfg.Sources),
		first:   uint32(first),
		step:    uint32(cfg.Shards),
		ports:   uint32((int(cfg.PortMax)-first)/cfg.Shards + 1),
		key:     newHashKey(cfg.Seed),
		slots:   make([]destination, destinationSlots),

		steering: cfg.Steering, shard: uint32(cfg.Shard),
	}, nil
}

func (c *AllocatorConfig) validate() error {
	switch {
	case c.Sources < 1 || c.Sources > SourcesMax:
		return fmt.Errorf("conntable: AllocatorConfig.Sources %d is not within 1 to %d", c.Sources, SourcesMax)
	case c.PortMin == 0:
		return errors.New("conntable: AllocatorConfig.PortMin 0 is no port: use 1 or above")
	case c.PortMin > c.PortMax:
		return fmt.Errorf("conntable: AllocatorConfig.PortMin %d is above PortMax %d", c.PortMin, c.PortMax)
	case c.Shards < 1 || c.Shards > 1<<16:
		return fmt.Errorf("conntable: AllocatorConfig.Shards %d is not within 1 to %d", c.Shards, 1<<16)
	case c.Steering != nil && len(c.Steering.Local) != c.Sources:
		return fmt.Errorf("conntable: AllocatorConfig.Steering.Local has %d parts for Sources %d", len(c.Steering.Local), c.Sources)
	case c.Shard < 0 || c.Shard >= c.Shards:
		return fmt.Errorf("conntable: AllocatorConfig.Shard %d is not within 0 to %d", c.Shard, c.Shards-1)
	}
	return nil
}

// Tuples returns the number of tuples there are per destination.
func (a *Allocator) Tuples() int { return int(uint64(a.sources) * uint64(a.ports)) }

// Owns reports whether the local end of a tuple is one this allocator may hand
// out.
func (a *Allocator) Owns(local, port uint16) bool {
	offset := uint32(port) - a.first
	return uint32(local) < a.sources && uint32(port) >= a.first &&
		offset%a.step == 0 && offset/a.step < a.ports
}

// Choice narrows the local end down. The zero value leaves it open.
type Choice struct {
	Port     uint16 // the local port; 0 = any
	Local    uint16 // the index of the local address, when HasLocal
	HasLocal bool
}

// Next returns a tuple to the destination that is neither in the table nor at
// rest. ErrFull means that each of them was looked at, in this call and those
// before it since the last success, and was taken or resting; ErrBusy that a
// bounded number was, and that the next call goes on from there. With up to
// 1,024 tuples one call looks at all.
func (a *Allocator) Next(t *Table, q *Quarantine, remote uint32, port uint16, now time.Duration) (Key, error) {
	key, _, err := a.NextHashed(t, q, remote, port, Choice{}, now)
	return key, err
}

// NextHashed is Next within a choice. It also returns the key's hash in the
// table, for InsertHashed. Both mean nothing with an error. A choice that the allocator does not own is
// ErrNotOwned.
func (a *Allocator) NextHashed(t *Table, q *Quarantine, remote uint32, port uint16, c Choice, now time.Duration) (Key, uint64, error) {
	s := &a.search
	err := a.Begin(s, t, q, remote, port, c)
	if err == nil {
		err = s.run(now)
	}
	return s.key, s.hash, err
}

// Claim is NextHashed and InsertHashed in one, without a second look-up. The
// error is one of NextHashed's; ErrFull also when the table has no entry left.
func (a *Allocator) Claim(t *Table, q *Quarantine, remote uint32, port uint16, c Choice, now time.Duration) (uint32, error) {
	if err := a.Begin(&a.search, t, q, remote, port, c); err != nil {
		return None, err
	}
	return a.search.Claim(now)
}

// Begin makes s the search for a tuple to a destination and draws the first
// that it will look at. Claim is Begin and Search.Claim; whoever needs several
// begins some, has what they will look at fetched by Table.Ahead and
// Quarantine.Ahead, and claims one after the other.
func (a *Allocator) Begin(s *Search, t *Table, q *Quarantine, remote uint32, port uint16, c Choice) error {
	s.a, s.t, s.q = a, t, q
	s.key = Key{Remote: remote, RemotePort: port}
	if !s.narrow(c) {
		return ErrNotOwned
	}
	s.draw()
	return nil
}

// Check says whether a tuple of the user's choice can be used now: nil,
// ErrNotOwned, ErrExists or ErrResting.
func (a *Allocator) Check(t *Table, q *Quarantine, key *Key, now time.Duration) error {
	if !a.Owns(key.Local, key.LocalPort) {
		return ErrNotOwned
	}
	hash := t.Hash(key)
	if t.LookupHashed(key, hash) != None {
		return ErrExists
	}
	if q.Resting(hash, now) {
		return ErrResting
	}
	return nil
}
