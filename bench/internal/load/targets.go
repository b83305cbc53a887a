package load

import (
	"encoding/binary"
	"net/netip"
)

// targets walks the addresses of an IPv4 prefix, a worker taking every n-th.
type targets struct {
	base, size uint32 // size 0 stands for 2³²
	at, step   uint32
	port       uint16
}

func newTargets(prefix netip.Prefix, port uint16, worker, workers int) targets {
	base := prefix.Masked().Addr().As4()
	return targets{
		base: binary.BigEndian.Uint32(base[:]),
		size: uint32(uint64(1) << (32 - prefix.Bits())),
		at:   uint32(worker),
		step: uint32(workers),
		port: port,
	}
}

// next returns the address whose turn it is.
func (t *targets) next() netip.AddrPort {
	offset := t.at
	if t.size != 0 {
		offset %= t.size
		t.at = offset
	}
	t.at += t.step
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], t.base+offset)
	return netip.AddrPortFrom(netip.AddrFrom4(a), t.port)
}
