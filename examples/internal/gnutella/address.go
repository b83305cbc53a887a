package gnutella

import (
	"encoding/binary"
	"math/bits"
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

// octets are the numbers from 0 to 255 as text with the dot after it; the last
// byte is the length.
var octets = func() (t [256][5]byte) {
	for n := range t {
		t[n][4] = byte(copy(t[n][:4], strconv.Itoa(n)+"."))
	}
	return t
}()

// Append writes the address as text, as in 192.0.2.1:6346.
func (a Address) Append(b []byte) []byte {
	for shift := 40; shift >= 16; shift -= 8 {
		o := &octets[byte(a>>shift)]
		b = append(b, o[:4]...)
		b = b[:len(b)-4+int(o[4])]
	}
	b[len(b)-1] = ':'
	return appendPort(b, uint32(a.Port()))
}

func appendPort(b []byte, n uint32) []byte {
	if n < 1000 || n > 9999 {
		return strconv.AppendUint(b, uint64(n), 10)
	}
	high, low := n/100, n%100
	return append(b, byte('0'+high/10), byte('0'+high%10), byte('0'+low/10), byte('0'+low%10))
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
	a, length := parsePrefix(b)
	return a, length > 0 && length == len(b)
}

// parsePrefix reads an address with a port from the start of b, and returns
// how long it was; 0 when there is none.
func parsePrefix(b []byte) (a Address, length int) {
	if len(b) < prefixMost {
		// The end of a line: zeros are no digits.
		var padded [prefixMost]byte
		copy(padded[:], b)
		return parsePadded(padded[:])
	}
	return parsePadded(b)
}

// prefixMost is what parsePadded may look at: four octets with what follows
// each, and eight bytes from the port on.
const prefixMost = 4*4 + 8

// parsePadded is parsePrefix for at least prefixMost bytes. It looks at a
// number's bytes all at once: how many digits there are is as good as random,
// and a loop over them would be mispredicted for each.
func parsePadded(b []byte) (a Address, length int) {
	at := 0
	for field := range 4 {
		w := binary.LittleEndian.Uint32(b[at:])
		n := uint(bits.TrailingZeros32(uint32(notDigits(uint64(w))))) / 8 // 4 when all are digits
		v := w << (32 - 8*n) & 0x0f0f0f0f
		value := v>>24 + v>>16&0xff*10 + v>>8&0xff*100
		separator := byte('.')
		if field == 3 {
			separator = ':'
		}
		if n-1 > 2 || value > 255 || b[at+int(n)] != separator {
			return 0, 0
		}
		at += int(n) + 1
		a = a<<8 | Address(value)
	}
	w := binary.LittleEndian.Uint64(b[at:])
	n := uint(bits.TrailingZeros64(notDigits(w))) / 8
	if n-1 > 4 {
		return 0, 0
	}
	// Digits to pairs of them, and to fours.
	v := w << (64 - 8*n) & 0x0f0f0f0f0f0f0f0f
	v = (v*10 + v>>8) & 0x00ff00ff00ff00ff
	v = (v*100 + v>>16) & 0x0000ffff0000ffff
	value := v&0xffff*10000 + v>>32
	if value > 65535 {
		return 0, 0
	}
	return a<<16 | Address(value), at + int(n)
}

// notDigits has a bit set in each byte of w that is no digit, and none in
// those before the first such.
func notDigits(w uint64) uint64 {
	const high, zeros, six = 0xf0f0f0f0f0f0f0f0, 0x3030303030303030, 0x0606060606060606
	return (w&high ^ zeros) | ((w+six)&high ^ zeros)
}
