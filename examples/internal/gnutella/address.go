package gnutella

import (
	"net/netip"
	"strconv"
)

// Address is an IPv4 address and a port: the address in bits 16 to 47, the
// port below. The zero value names nobody.
type Address uint64

// NewAddress packs an address and a port; zero when it is not IPv4.
func NewAddress(a netip.AddrPort) Address {
	ip := a.Addr().Unmap()
	if !ip.Is4() {
		return 0
	}
	b := ip.As4()
	return Address(b[0])<<40 | Address(b[1])<<32 | Address(b[2])<<24 | Address(b[3])<<16 | Address(a.Port())
}

// IP is the address as a number.
func (a Address) IP() uint32 { return uint32(a >> 16) }

// Port is the port.
func (a Address) Port() uint16 { return uint16(a) }

// AddrPort is the same for the standard library.
func (a Address) AddrPort() netip.AddrPort {
	ip := netip.AddrFrom4([4]byte{byte(a >> 40), byte(a >> 32), byte(a >> 24), byte(a >> 16)})
	return netip.AddrPortFrom(ip, a.Port())
}

// Append writes the address as text, as in 192.0.2.1:6346.
func (a Address) Append(b []byte) []byte {
	for shift := 40; shift >= 16; shift -= 8 {
		b = strconv.AppendUint(b, uint64(byte(a>>shift)), 10)
		if shift > 16 {
			b = append(b, '.')
		}
	}
	b = append(b, ':')
	return strconv.AppendUint(b, uint64(a.Port()), 10)
}

func (a Address) String() string { return string(a.Append(nil)) }

// Host reports whether a host can have the address: not 0/8, not loopback, not
// multicast or above, and a port.
func (a Address) Host() bool {
	first := byte(a >> 40)
	return a>>48 == 0 && first != 0 && first != 127 && first < 224 && a.Port() != 0
}

// ParseAddress reads an address with a port, and nothing else, from b.
func ParseAddress(b []byte) (a Address, ok bool) {
	at := 0
	for field := range 5 {
		most := Address(255)
		if field == 4 {
			most = 65535
		}
		value, digits := Address(0), 0
		for at < len(b) && b[at]-'0' <= 9 && digits < 5 {
			value = value*10 + Address(b[at]-'0')
			at, digits = at+1, digits+1
		}
		if digits == 0 || value > most {
			return 0, false
		}
		separator := byte('.')
		switch field {
		case 4:
			return a<<16 | value, at == len(b)
		case 3:
			separator = ':'
		}
		if at == len(b) || b[at] != separator {
			return 0, false
		}
		at++
		a = a<<8 | value
	}
	return 0, false
}
