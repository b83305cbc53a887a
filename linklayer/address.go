package linklayer

import (
	"encoding/binary"
	"net/netip"
)

// AddressClass says what an address can be used for. The zero value is no
// class.
type AddressClass uint8

const (
	classNone   AddressClass = iota
	Unicast                  // a single host
	Unspecified              // 0.0.0.0/8, ::
	Loopback                 // 127.0.0.0/8, ::1
	Multicast                // 224.0.0.0/4, ff00::/8
	Reserved                 // 240.0.0.0/4
	Broadcast                // 255.255.255.255
)

var classNames = [...]string{"none", "unicast", "unspecified", "loopback", "multicast", "reserved", "broadcast"}

// String returns the class's name.
func (c AddressClass) String() string {
	if int(c) >= len(classNames) {
		return "unknown"
	}
	return classNames[c]
}

const mappedHigh, mappedLow = 0, 0xffff << 32

// Mapped returns an IPv4 address, given as a number, in the 16-byte form that
// all addresses here have.
func Mapped(ip4 uint32) (a [16]byte) {
	binary.BigEndian.PutUint64(a[8:], mappedLow|uint64(ip4))
	return a
}

// setMapped writes what Mapped returns where it belongs.
func setMapped(a *[16]byte, ip4 uint32) {
	binary.BigEndian.PutUint64(a[:8], mappedHigh)
	binary.BigEndian.PutUint64(a[8:], mappedLow|uint64(ip4))
}

// IsMapped reports whether a holds an IPv4 address.
func IsMapped(a *[16]byte) bool {
	return binary.BigEndian.Uint64(a[:8]) == mappedHigh && binary.BigEndian.Uint32(a[8:12]) == 0xffff
}

// Number returns the IPv4 address that a holds as a number.
func Number(a *[16]byte) uint32 { return binary.BigEndian.Uint32(a[12:]) }

// Classify returns the class of an address (IPv4 mapped). The broadcast
// address of a subnet is not told from a host's: see IsDirectedBroadcast.
func Classify(a [16]byte) AddressClass {
	if IsMapped(&a) {
		return classify4(Number(&a))
	}
	switch netip.AddrFrom16(a) {
	case netip.IPv6Unspecified():
		return Unspecified
	case netip.IPv6Loopback():
		return Loopback
	}
	if a[0] == 0xff {
		return Multicast
	}
	return Unicast
}

func classify4(ip uint32) AddressClass {
	switch top := ip >> 24; {
	case top == 0:
		return Unspecified
	case top == 127:
		return Loopback
	case top < 224:
		return Unicast
	case top < 240:
		return Multicast
	case ip == 1<<32-1:
		return Broadcast
	}
	return Reserved
}

// IsUnicast4 is IsUnicast for an IPv4 address as a number.
func IsUnicast4(ip uint32) bool {
	top := ip >> 24
	return top-1 < 223 && top != 127
}

// IsUnicast reports whether a connection may be opened to an address, or come
// from it: broadcast, multicast, unspecified, loopback and reserved addresses
// are refused (RFC 9293 §3.9.2.3, RFC 1122 §3.2.1.3).
func IsUnicast(a [16]byte) bool { return Classify(a) == Unicast }

// IsDirectedBroadcast reports whether a is the broadcast address of an IPv4
// subnet. Prefixes of 31 and 32 bits have none (RFC 3021).
func IsDirectedBroadcast(a [16]byte, subnet netip.Prefix) bool {
	addr := netip.AddrFrom16(a).Unmap()
	if !addr.Is4() || subnet.Bits() > 30 || !subnet.Contains(addr) {
		return false
	}
	hostBits := uint32(1)<<(32-subnet.Bits()) - 1
	return Number(&a)&hostBits == hostBits
}

// isStation reports whether mac can be one station's address: neither a group
// address nor all zero.
func isStation(mac *[6]byte) bool {
	return mac[0]&1 == 0 && *mac != [6]byte{}
}
