package tcpclient

import (
	"encoding/binary"
	"fmt"
	"myriad/linklayer"
	"net/netip"
)

// sources numbers our addresses on one interface: address k of the first
// prefix is k, those of the next follow.
type sources struct {
	ranges []sourceRange
	count  int
}

type sourceRange struct {
	first uint32 // the prefix's first address
	size  uint32
	base  uint32 // its number
}

// sourcesMax is how many addresses fit into an entry's 16 bits.
const sourcesMax = 1 << 16

func newSources(prefixes []netip.Prefix) (sources, error) {
	var s sources
	if len(prefixes) == 0 {
		return s, fmt.Errorf("tcpclient: Interface.Sources is empty: give at least one address of ours, as 10.1.0.0/24")
	}
	for i, p := range prefixes {
		if !p.IsValid() || !p.Addr().Is4() {
			return s, fmt.Errorf("tcpclient: Interface.Sources: %v is not an IPv4 prefix", p)
		}
		for _, o := range prefixes[:i] {
			if p.Overlaps(o) {
				return s, fmt.Errorf("tcpclient: Interface.Sources: %v overlaps %v: give each address once", p, o)
			}
		}
		p = p.Masked()
		size := uint64(1) << (32 - p.Bits())
		if uint64(s.count)+size > sourcesMax {
			return s, fmt.Errorf("tcpclient: Interface.Sources: more than %d addresses with %v: give fewer", sourcesMax, p)
		}
		s.ranges = append(s.ranges, sourceRange{binary.BigEndian.Uint32(p.Addr().AsSlice()), uint32(size), uint32(s.count)})
		s.count += int(size)
	}
	return s, nil
}

// index returns the number of one of our addresses.
func (s *sources) index(address *[16]byte) (uint16, bool) {
	ip := binary.BigEndian.Uint32(address[12:])
	for i := range s.ranges {
		r := &s.ranges[i]
		if ip-r.first < r.size {
			return uint16(r.base + ip - r.first), linklayer.IsMapped(address)
		}
	}
	return 0, false
}

// at returns address number index.
func (s *sources) at(index uint16) (address [16]byte) { return linklayer.Mapped(s.ip4(index)) }

// ip4 returns address number index as a number.
func (s *sources) ip4(index uint16) uint32 {
	for i := range s.ranges {
		if r := &s.ranges[i]; uint32(index)-r.base < r.size {
			return r.first + uint32(index) - r.base
		}
	}
	return 0
}

// ipv4 returns an IPv4 address, mapped or not, as a number.
func ipv4(a netip.Addr) (ip uint32, ok bool) {
	if !a.Is4() && !a.Is4In6() {
		return 0, false
	}
	b := a.As4()
	return binary.BigEndian.Uint32(b[:]), true
}
