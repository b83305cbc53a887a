package conntable

import (
	"math/bits"
	"time"
)

// Search is one run for a free tuple over a rectangle of sources and ports.
type Search struct {
	a    *Allocator
	t    *Table
	q    *Quarantine
	now  time.Duration
	key  Key
	hash uint64

	source, sources uint32 // the first, and how many
	port, ports     uint32 // likewise, counted in ports owned
	place           uint64 // keyed hash of the destination and the choice
	ahead           uint64 // how far the counter goes on if the tuple that was drawn is taken
}

// Claim takes a free tuple and an entry for it. It is called once for each
// Begin, and its errors are those of Allocator.Claim.
func (s *Search) Claim(now time.Duration) (uint32, error) {
	if s.t.Len() == s.t.Cap() {
		s.destination().misses = 0 // the tuple that was drawn is passed over
		return None, ErrFull
	}
	if err := s.run(now); err != nil {
		return None, err
	}
	return s.t.insertNew(&s.key, s.hash)
}

// Hash is that of the tuple at which Claim will look first, for Table.Ahead and
// Quarantine.Ahead.
func (s *Search) Hash() uint64 { return s.hash }

// narrow sets up the rectangle; false when it lies outside the allocator's.
func (s *Search) narrow(c Choice) bool {
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

// destination is where the search for the destination stands.
func (s *Search) destination() *destination {
	d := &s.a.slots[s.place%destinationSlots]
	if name := uint32(s.place >> 32); d.name != name {
		d.name, d.misses = name, 0
	}
	return d
}

// next makes the tuple that is k places on in order that of the search.
func (s *Search) next(d *destination, k uint64) {
	s.locate(uint32((s.place>>8 + d.counter + k) % uint64(s.sources*s.ports)))
}

// draw makes the tuple that is looked at first that of the search: the next one
// whose packets arrive on the shard's own queue, if that is known, or else the
// next in order.
func (s *Search) draw() {
	d := s.destination()
	if s.ahead = s.steer(d, false); s.ahead == 0 {
		s.next(d, 0)
		d.counter++
	}
	s.hash = s.t.Hash(&s.key)
}

// free reports whether the tuple that was drawn is.
func (s *Search) free() bool {
	return !s.q.Resting(s.hash, s.now) && s.t.LookupHashed(&s.key, s.hash) == None
}

// run leaves a free tuple in s.key and s.hash, the one that was drawn if it is.
func (s *Search) run(now time.Duration) error {
	s.now = now
	d, space := s.destination(), s.sources*s.ports
	if s.free() {
		d.counter += s.ahead
		d.misses = 0
		return nil
	}
	first := min(space, probesInOrder)
	if s.ahead == 0 {
		first--
		d.misses++
	} else if s.ahead = s.steer(d, true); s.ahead != 0 {
		d.counter += s.ahead
		d.misses = 0
		return nil
	}
	if s.inOrder(d, first) || s.atRandom(space) || s.inOrder(d, min(space, probesOnward)) {
		d.misses = 0
		return nil
	}
	if d.misses >= space {
		d.misses = 0 // what is found full next is found by another pass
		return ErrFull
	}
	return ErrBusy
}

// steer looks for a tuple among the next ones whose packets arrive on the
// shard's own queue, which one in so many as there are shards does, and which is
// free, if need be. It returns how far the counter is to go on if that is
// taken, or 0: then the tuples that it passed over are looked at as they come.
func (s *Search) steer(d *destination, free bool) (ahead uint64) {
	a := s.a
	space := s.sources * s.ports
	if a.steering == nil || a.step == 1 || space == 1 {
		return 0
	}
	remote := a.steering.Hash.Remote(s.key.Remote, s.key.RemotePort)
	for k := range min(uint64(probesSteered)*uint64(a.step), uint64(space)) {
		s.next(d, k)
		if a.steering.queue(remote, &s.key)%a.step != a.shard {
			continue
		}
		s.hash = s.t.Hash(&s.key)
		if !free || s.free() {
			return k + 1
		}
	}
	return 0
}

// queue is where the device puts packets of a tuple whose remote part is known.
func (g *Steering) queue(remote uint32, key *Key) uint32 {
	return g.Hash.Queue(remote ^ g.Local[key.Local] ^ g.Hash.Port(key.LocalPort))
}

// inOrder probes so many tuples from the counter on.
func (s *Search) inOrder(d *destination, count uint32) bool {
	for range count {
		s.next(d, 0)
		d.counter++
		s.hash = s.t.Hash(&s.key)
		if s.free() {
			return true
		}
		d.misses++
	}
	return false
}

// atRandom probes where the order would take long to come to, some tuples at
// a time so that their cache misses overlap. It stays out of spaces that the
// order covers in one call.
func (s *Search) atRandom(space uint32) bool {
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
func (s *Search) rested(key Key) bool {
	s.key, s.hash = key, s.t.Hash(&key)
	return !s.q.Resting(s.hash, s.now)
}

// locate makes s.key the tuple at a position of the rectangle.
func (s *Search) locate(position uint32) {
	a := s.a
	round, source := position/s.sources, position%s.sources
	offset, _ := bits.Mul64(fold(s.place^uint64(source), a.key[1]), uint64(s.ports))
	port := (round + uint32(offset)) % s.ports
	s.key.Local = uint16(s.source + source)
	s.key.LocalPort = uint16(a.first + (s.port+port)*a.step)
}
