package conntable

import (
	"errors"
	"fmt"
	"math/bits"
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
	// probesSteered is for each shard: of so many tuples all but one in 3,000
	// times one arrives where it should.
	probesSteered = 8
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
	search  search // the one under way, kept here because setting one up anew costs as much as running it
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
	s, err := a.seek(t, q, remote, port, c, now)
	return s.key, s.hash, err
}

// seek runs a search; when it succeeds the key and hash are in it.
func (a *Allocator) seek(t *Table, q *Quarantine, remote uint32, port uint16, c Choice, now time.Duration) (*search, error) {
	s := &a.search
	s.a, s.t, s.q, s.now = a, t, q, now
	s.key = Key{Remote: remote, RemotePort: port}
	if !s.narrow(c) {
		return s, ErrNotOwned
	}
	return s, s.run()
}

// Claim is NextHashed and InsertHashed in one, without a second look-up. The
// error is one of NextHashed's; ErrFull also when the table has no entry left.
func (a *Allocator) Claim(t *Table, q *Quarantine, remote uint32, port uint16, c Choice, now time.Duration) (uint32, error) {
	if t.Len() == t.Cap() {
		return None, ErrFull
	}
	s, err := a.seek(t, q, remote, port, c, now)
	if err != nil {
		return None, err
	}
	return t.insertNew(&s.key, s.hash)
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

// search is one run for a free tuple over a rectangle of sources and ports.
type search struct {
	a    *Allocator
	t    *Table
	q    *Quarantine
	now  time.Duration
	key  Key
	hash uint64

	source, sources uint32 // the first, and how many
	port, ports     uint32 // likewise, counted in ports owned
	place           uint64 // keyed hash of the destination and the choice
}

// narrow sets up the rectangle; false when it lies outside the allocator's.
func (s *search) narrow(c Choice) bool {
	a := s.a
	s.source, s.sources, s.port, s.ports = 0, a.sources, 0, a.ports
	choice := uint64(0)
	if c.HasLocal {
		if uint32(c.Local) >= a.sources {
			return false
		}
		s.source, s.sources = uint32(c.Local), 1
		choice = 1<<32 | uint64(c.Local)<<16
	}
	if c.Port != 0 {
		if !a.Owns(0, c.Port) {
			return false
		}
		s.port, s.ports = (uint32(c.Port)-a.first)/a.step, 1
		choice |= 1<<33 | uint64(c.Port)
	}
	s.place = a.key.remote(s.key.Remote, uint64(s.key.RemotePort)|choice<<16)
	return true
}

// run leaves a free tuple in s.key and s.hash.
func (s *search) run() error {
	d := &s.a.slots[s.place%destinationSlots]
	if name := uint32(s.place >> 32); d.name != name {
		d.name, d.misses = name, 0
	}
	space := s.sources * s.ports
	if s.steered(d, space) || s.inOrder(d, space, probesInOrder) || s.atRandom(space) || s.inOrder(d, space, probesOnward) {
		d.misses = 0
		return nil
	}
	if d.misses >= space {
		d.misses = 0 // what is found full next is found by another pass
		return ErrFull
	}
	return ErrBusy
}

// steered looks for a tuple among the next ones whose packets arrive on the
// shard's own queue. One in so many as there are shards does. It moves the
// counter only when it finds one: otherwise the tuples that it passed over are
// looked at as they come.
func (s *search) steered(d *destination, space uint32) bool {
	a := s.a
	if a.steering == nil || a.step == 1 || space == 1 {
		return false
	}
	remote := a.steering.Hash.Remote(s.key.Remote, s.key.RemotePort)
	for k := range min(uint64(probesSteered)*uint64(a.step), uint64(space)) {
		s.locate(uint32((s.place>>8 + d.counter + k) % uint64(space)))
		if a.steering.queue(remote, &s.key)%a.step == a.shard && s.free() {
			d.counter += k + 1
			return true
		}
	}
	return false
}

// queue is where the device puts packets of a tuple whose remote part is known.
func (g *Steering) queue(remote uint32, key *Key) uint32 {
	return g.Hash.Queue(remote ^ g.Local[key.Local] ^ g.Hash.Port(key.LocalPort))
}

// inOrder probes up to limit tuples from the counter on, and none twice.
func (s *search) inOrder(d *destination, space uint32, limit int) bool {
	for range min(uint32(limit), space) {
		position := uint32((s.place>>8 + d.counter) % uint64(space))
		d.counter++
		if s.probe(position) {
			return true
		}
		d.misses++
	}
	return false
}

// atRandom probes where the order would take long to come to, some tuples at
// a time so that their cache misses overlap. It stays out of spaces that the
// order covers in one call.
func (s *search) atRandom(space uint32) bool {
	if space <= probesInOrder+probesOnward {
		return false
	}
	d := &s.a.drawn
	for range probesAtRandom / len(d.keys) {
		for i := range d.keys {
			s.a.draws++
			position, _ := bits.Mul64(fold(s.place^s.a.draws, s.a.key[3]), uint64(space))
			s.locate(uint32(position))
			d.keys[i] = s.key
		}
		s.t.LookupBatch(d.keys[:], d.indexes[:])
		for i, index := range &d.indexes {
			if index == None && s.rested(d.keys[i]) {
				return true
			}
		}
	}
	return false
}

// drawn is what atRandom works on.
type drawn struct {
	keys    [32]Key
	indexes [32]uint32
}

// rested makes a key the search's if it does not rest.
func (s *search) rested(key Key) bool {
	s.key, s.hash = key, s.t.Hash(&key)
	return !s.q.Resting(s.hash, s.now)
}

// probe makes the tuple at a position of the rectangle, and tells whether it
// is free.
func (s *search) probe(position uint32) bool {
	s.locate(position)
	return s.free()
}

// free tells whether s.key is.
func (s *search) free() bool {
	s.hash = s.t.Hash(&s.key)
	return !s.q.Resting(s.hash, s.now) && s.t.LookupHashed(&s.key, s.hash) == None
}

// locate makes s.key the tuple at a position of the rectangle.
func (s *search) locate(position uint32) {
	a := s.a
	round, source := position/s.sources, position%s.sources
	offset, _ := bits.Mul64(fold(s.place^uint64(source), a.key[1]), uint64(s.ports))
	port := (round + uint32(offset)) % s.ports
	s.key.Local = uint16(s.source + source)
	s.key.LocalPort = uint16(a.first + (s.port+port)*a.step)
}
