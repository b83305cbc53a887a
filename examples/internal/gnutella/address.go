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

// prefixMost is what parsePadded looks at: more than the longest address with
// its port and what follows it.
const prefixMost = 24

// hostMost is the longest address without its port, 255.255.255.255.
const hostMost = 15

// parsePadded is parsePrefix for at least prefixMost bytes. How many digits a
// number has is as good as random, and a loop over them would be mispredicted
// for each. So all that are no digits are found first, all at once; where the
// numbers are no longer depends on how long those before were.
func parsePadded(b []byte) (a Address, length int) {
	w := (*[prefixMost]byte)(b)
	others := notDigits(w[0:]) | notDigits(w[8:])<<8 | notDigits(w[16:])<<16
	var end [5]uint
	for i := range end {
		end[i] = uint(bits.TrailingZeros32(others)) // 32 when there is none
		others &= others - 1
	}
	if end[4] >= prefixMost || end[3] > hostMost || w[end[0]] != '.' || w[end[1]] != '.' || w[end[2]] != '.' || w[end[3]] != ':' {
		return 0, 0
	}
	ip := octet(w, 0, end[0])<<24 | octet(w, end[0]+1, end[1])<<16 | octet(w, end[1]+1, end[2])<<8 | octet(w, end[2]+1, end[3])
	if ip > 1<<32-1 {
		return 0, 0
	}
	port := portNumber(w, end[3]+1, end[4])
	if port > 1<<16-1 {
		return 0, 0
	}
	return Address(ip<<16 | port), int(end[4])
}

// notDigits has a bit set for each of the first eight bytes of b that is no
// digit.
func notDigits(b []byte) uint32 {
	const low, first, beyond, top = 0x7f7f7f7f7f7f7f7f, 0x5050505050505050, 0x4646464646464646, 0x8080808080808080
	v := binary.LittleEndian.Uint64(b)
	w := v & low // so that no sum goes over into the next byte
	m := ((w + beyond) | ^(w + first) | v) & top
	return uint32(m >> 7 * 0x0102040810204080 >> 56)
}

// badNumber is more than any number of an address.
const badNumber = 1 << 36

// octet is a number of up to three digits, and up to 255.
func octet(w *[prefixMost]byte, from, end uint) uint64 {
	n := end - from
	if n-1 > 2 {
		return badNumber
	}
	// The digits go to the top; from is within hostMost, so that there are four bytes.
	v := binary.LittleEndian.Uint32(w[from:]) << (32 - 8*n) & 0x0f0f0f0f
	value := v>>24 + v>>16&0xff*10 + v>>8&0xff*100
	if value > 255 {
		return badNumber
	}
	return uint64(value)
}

// portNumber is a number of up to five digits.
func portNumber(w *[prefixMost]byte, from, end uint) uint64 {
	n := end - from
	if n-1 > 4 {
		return badNumber
	}
	// Four octets before make the end at least nine; then digits to pairs of them,
	// and to fours.
	v := binary.LittleEndian.Uint64(w[end-8:]) >> (64 - 8*n) << (64 - 8*n) & 0x0f0f0f0f0f0f0f0f
	v = (v*10 + v>>8) & 0x00ff00ff00ff00ff
	v = (v*100 + v>>16) & 0x0000ffff0000ffff
	return v&0xffff*10000 + v>>32
}
