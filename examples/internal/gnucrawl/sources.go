package gnucrawl

import (
	"encoding/binary"
	"net/netip"
)

// sources are our addresses, by number.
type sources struct {
	starts []uint32 // first address of each prefix
	counts []uint64
	total  uint64
	salt   uint64
}

func newSources(prefixes []netip.Prefix, salt uint64) sources {
	s := sources{salt: salt}
	for _, p := range prefixes {
		b := p.Masked().Addr().As4()
		s.starts = append(s.starts, binary.BigEndian.Uint32(b[:]))
		s.counts = append(s.counts, 1<<(32-p.Bits()))
		s.total += 1 << (32 - p.Bits())
	}
	return s
}

// choose returns the address for an attempt at a node: by chance over the
// nodes and over crawls, another one at each attempt. It is zero when the
// client is to choose.
func (s *sources) choose(hash uint64, attempt int) (a netip.AddrPort) {
	if s.total == 0 {
		return a
	}
	at := ((hash^s.salt)*0xd6e8feb86659fd93>>32 + uint64(attempt)) % s.total
	for i, count := range s.counts {
		if at < count {
			var b [4]byte
			binary.BigEndian.PutUint32(b[:], s.starts[i]+uint32(at))
			return netip.AddrPortFrom(netip.AddrFrom4(b), 0)
		}
		at -= count
	}
	return a
}
