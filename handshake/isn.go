package handshake

import (
	"math/bits"
	"time"

	"myriad/conntable"
	"myriad/internal/seq"
	"myriad/internal/wrap"
)

// isn is RFC 6528's initial sequence number: a clock of 4 µs plus a keyed
// function of the connection's ends. An off-path observer of other
// connections learns nothing about it, and a 4-tuple that is used again starts
// beyond what it used before, unless that sent more than 250 kB for each second
// from its beginning to the next one's.
func (m *Machine) isn(e *conntable.Entry, now time.Duration) seq.Number {
	return seq.Number(wrap.ISN(uint32(now/(4*time.Microsecond)) + uint32(m.keyed(e, 0))))
}

// stampOffset hides the clock behind our timestamps, per connection.
func (m *Machine) stampOffset(e *conntable.Entry) uint32 { return uint32(m.keyed(e, 1)) }

// keyed is SipHash-2-4 (Aumasson and Bernstein, 2012) of the connection's two
// ends and a number that keeps its uses apart.
func (m *Machine) keyed(e *conntable.Entry, use uint16) uint64 {
	return m.sip.
		add(uint64(bits.ReverseBytes32(e.Remote))<<32 | mappedEnd).
		add(uint64(e.RemotePort) | uint64(e.LocalPort)<<16 | uint64(e.Local)<<32 | uint64(use)<<48).
		sum(24)
}

// The peer's address is hashed in its 16-byte form: of IPv4 the first eight are
// 0, and four follow before the address.
const mappedBegin, mappedEnd = 0, 0xffff0000

// sip is SipHash's state. Its methods take and return it by value, which keeps
// it in registers.
type sip struct{ a, b, c, d uint64 }

func newSip(key [2]uint64) sip {
	return sip{
		key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573,
	}
}

// half is half a round; a and c change places for the other half. Two of it are
// small enough for the compiler to put them where they are called.
func (h sip) half(b, d int) sip {
	h.a += h.b
	h.b = bits.RotateLeft64(h.b, b) ^ h.a
	h.c += h.d
	h.d = bits.RotateLeft64(h.d, d) ^ h.c
	return sip{h.c, h.b, bits.RotateLeft64(h.a, 32), h.d}
}

func (h sip) add(word uint64) sip {
	h.d ^= word
	h = h.half(13, 16).half(17, 21).half(13, 16).half(17, 21)
	h.a ^= word
	return h
}

// sum ends a message of length bytes, a multiple of 8.
func (h sip) sum(length int) uint64 {
	h = h.add(uint64(length) << 56)
	h.c ^= 0xff
	for range 4 {
		h = h.half(13, 16).half(17, 21)
	}
	return h.a ^ h.b ^ h.c ^ h.d
}
