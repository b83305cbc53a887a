package linklayer

import (
	"encoding/binary"
	"math/bits"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
)

// Sum is the Internet checksum (RFC 1071) of a payload, computed before the
// packet that carries it. The zero Sum means "not known": whoever emits the
// payload sums it then.
type Sum uint32

const (
	sumKnown Sum = 1 << 16
	sumOdd   Sum = 1 << 17 // what was summed has an odd length
)

// SumOf sums a payload. The result holds wherever the payload begins: the
// headers before it have even lengths.
func SumOf(payload []byte) Sum {
	s := sumKnown | Sum(fold(sumBytes(payload)))
	if len(payload)&1 != 0 {
		s |= sumOdd
	}
	return s
}

// Then returns the sum of what s was made of, followed by what next was made
// of; not known when one of them is not.
func (s Sum) Then(next Sum) Sum {
	if s&next&sumKnown == 0 {
		return 0
	}
	n := uint16(next)
	if s&sumOdd != 0 {
		n = bits.ReverseBytes16(n) // RFC 1071 §2(B): it starts on an odd byte
	}
	return sumKnown | (s^next)&sumOdd | Sum(fold(uint64(uint16(s))+uint64(n)))
}

// shortSum is the length up to which a plain loop beats the call into
// gVisor's unrolled one, which first has to align itself.
const shortSum = 64

// sumBytes adds b up as big-endian 16-bit words, not folded. The result is
// small enough that many of them can be added without a carry.
func sumBytes(b []byte) uint64 {
	if len(b) > shortSum {
		return uint64(checksum.Checksum(b, 0))
	}
	return sumShort(b)
}

// sumHeader is sumShort for an IPv4 or TCP header without options.
func sumHeader(h *[ipv4Bytes]byte) uint64 {
	v, w := binary.BigEndian.Uint64(h[0:]), binary.BigEndian.Uint64(h[8:])
	return v>>32 + v&0xffffffff + w>>32 + w&0xffffffff + uint64(binary.BigEndian.Uint32(h[16:]))
}

func sumShort(b []byte) (acc uint64) {
	for len(b) >= 8 {
		v := binary.BigEndian.Uint64(b)
		acc += v>>32 + v&0xffffffff
		b = b[8:]
	}
	if len(b) >= 4 {
		acc += uint64(binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		acc += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) != 0 {
		acc += uint64(b[0]) << 8
	}
	return acc
}

// fold reduces an accumulator to 16 bits with end-around carry: the upper half of
// a number plus its halves exchanged is their sum, with the carry out of the lower
// half in it.
func fold(acc uint64) uint16 {
	acc += bits.RotateLeft64(acc, 32)
	half := uint32(acc >> 32)
	half += bits.RotateLeft32(half, 16)
	return uint16(half >> 16)
}
