package scan

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"net/netip"
	"slices"

	"myriad/examples/internal/permute"
)

// Space is what is to be looked at, in its order. It is immutable.
type Space struct {
	ranges    []span
	starts    []uint32 // by the upper bits of an address's number: the first span to look at
	shift     uint     // how many lower bits those are without
	addresses uint64
	ports     []uint16 // sorted
	portAt    []int32  // by port: its index in ports, or -1
	byAddress permute.Order
	byPort    permute.Order
	Seed      uint64
}

// span is a run of addresses.
type span struct {
	first  uint32 // address
	number uint64 // the first one's number
	size   uint64
}

// NewSpace makes the space of all prefixes' addresses (each once, however often
// it is given) and ports; no ports stand for the one port 0, for probes without
// ports.
func NewSpace(prefixes []netip.Prefix, ports []uint16, seed uint64) (s *Space, err error) {
	s = &Space{ranges: spans(prefixes), ports: slices.Compact(slices.Sorted(slices.Values(ports))), Seed: seed}
	if len(s.ranges) == 0 {
		return nil, fmt.Errorf("scan: no addresses to look at")
	}
	if len(s.ports) == 0 {
		s.ports = []uint16{0}
	}
	s.portAt = make([]int32, 1<<16)
	for k := range s.portAt {
		s.portAt[k] = -1
	}
	for k, p := range s.ports {
		s.portAt[p] = int32(k)
	}
	last := &s.ranges[len(s.ranges)-1]
	s.addresses = last.number + last.size
	if s.byAddress, err = permute.New(s.addresses, seed); err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	if s.byPort, err = permute.New(uint64(len(s.ports)), ^seed); err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	s.index()
	return s, nil
}

// spans sorts and joins prefixes, and numbers their addresses.
func spans(prefixes []netip.Prefix) []span {
	sorted := slices.Clone(prefixes)
	slices.SortFunc(sorted, func(a, b netip.Prefix) int {
		return cmp.Or(a.Masked().Addr().Compare(b.Masked().Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	var all []span
	for _, p := range sorted {
		first, size := ip4(p.Masked().Addr()), uint64(1)<<(32-p.Bits())
		if n := len(all); n > 0 {
			last := &all[n-1]
			end := uint64(last.first) + last.size
			if uint64(first)+size <= end {
				continue // lies within
			}
			if uint64(first) == end {
				last.size += size
				continue
			}
		}
		all = append(all, span{first: first, size: size})
	}
	number := uint64(0)
	for k := range all {
		all[k].number = number
		number += all[k].size
	}
	return all
}

// startsMax bounds the table that leads to a span.
const startsMax = 1 << 16

// index makes the table.
func (s *Space) index() {
	size := min(uint64(startsMax), uint64(1)<<bits.Len(uint(4*len(s.ranges))))
	s.shift = uint(max(0, bits.Len64(s.addresses-1)-bits.Len64(size-1)))
	s.starts = make([]uint32, (s.addresses-1)>>s.shift+1)
	at := 0
	for k := range s.starts {
		for number := uint64(k) << s.shift; s.ranges[at].number+s.ranges[at].size <= number; {
			at++
		}
		s.starts[k] = uint32(at)
	}
}

// Addresses, Ports and Targets are how many there are.
func (s *Space) Addresses() uint64 { return s.addresses }

// Ports are the ports, sorted.
func (s *Space) Ports() []uint16 { return s.ports }

// Targets is the number of addresses times that of ports.
func (s *Space) Targets() uint64 { return s.addresses * uint64(len(s.ports)) }

// At returns the target at a place of the order, below Targets.
func (s *Space) At(place uint64) (address uint32, port uint16) {
	var c cursor
	return s.at(&c, place)
}

// cursor is a round of the order, in which every address has its turn once: who
// asks for places one after the other divides once a round.
type cursor struct {
	first, end uint64 // places
	port       uint64 // which the round takes, before each address's offset
}

func (s *Space) at(c *cursor, place uint64) (address uint32, port uint16) {
	s.turnTo(c, place)
	address = s.address(s.byAddress.At(place - c.first))
	return address, s.ports[s.turned(c.port+s.offset(address))]
}

// turnTo has the cursor's round be that of a place.
func (s *Space) turnTo(c *cursor, place uint64) {
	if place-c.first >= c.end-c.first {
		round := place / s.addresses
		c.first = round * s.addresses
		c.end = c.first + s.addresses
		c.port = s.byPort.At(round)
	}
}

// aim is at for the places first, first+step and so on, as many as there is room
// for in targets: at most aimMax.
func (s *Space) aim(c *cursor, targets []target, first, step uint64) {
	var numbers [aimMax]uint64
	for len(targets) > 0 {
		s.turnTo(c, first)
		n := min(uint64(len(targets)), (c.end-first-1)/step+1) // of this round
		s.byAddress.Fill(numbers[:n], first-c.first, step)
		for k := range targets[:n] {
			address := s.address(numbers[k])
			targets[k] = target{address, s.ports[s.turned(c.port+s.offset(address))]}
		}
		targets, first = targets[n:], first+n*step
	}
}

// aimMax is how many targets are looked for together.
const aimMax = 64

// target is an address with a port.
type target struct {
	address uint32
	port    uint16
}

// Place returns where the order has a target, and false where it is none.
func (s *Space) Place(address uint32, port uint16) (place uint64, ok bool) {
	number, ok := s.number(address)
	if !ok || s.portAt[port] < 0 {
		return 0, false
	}
	place = s.byAddress.Place(number)
	if len(s.ports) > 1 {
		count := uint64(len(s.ports))
		round := s.byPort.Place(s.turned(uint64(s.portAt[port]) + count - s.offset(address)))
		place += round * s.addresses
	}
	return place, true
}

// offset is where in the ports an address begins.
func (s *Space) offset(address uint32) uint64 {
	h := (uint64(address) ^ s.Seed) * 0x9e3779b97f4a7c15
	return h >> 32 * uint64(len(s.ports)) >> 32
}

// turned brings a number below twice the number of ports below it: without a
// branch, every other one of which a processor would guess wrong.
func (s *Space) turned(n uint64) uint64 {
	n -= uint64(len(s.ports))
	return n + uint64(len(s.ports))&uint64(int64(n)>>63)
}

// address is the address with a number.
func (s *Space) address(number uint64) uint32 {
	k := s.starts[number>>s.shift]
	for {
		r := &s.ranges[k]
		if number < r.number+r.size {
			return r.first + uint32(number-r.number)
		}
		k++
	}
}

// number is address's inverse.
func (s *Space) number(address uint32) (uint64, bool) {
	k, found := slices.BinarySearchFunc(s.ranges, address, func(r span, a uint32) int { return cmp.Compare(r.first, a) })
	if !found {
		if k == 0 {
			return 0, false
		}
		k--
	}
	r := &s.ranges[k]
	from := uint64(address - r.first)
	return r.number + from, from < r.size
}

// Describe writes what the space is made of, whatever its order, to tell it from
// another one.
func (s *Space) Describe(out io.Writer) {
	for k := range s.ranges {
		fmt.Fprintf(out, "%d+%d ", s.ranges[k].first, s.ranges[k].size)
	}
	fmt.Fprintln(out, s.ports)
}

// Number is an IPv4 address as a number.
func Number(a netip.Addr) uint32 { return ip4(a) }

// ip4 is an IPv4 address as a number.
func ip4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// Addr is a number as an address.
func Addr(address uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, address)))
}
