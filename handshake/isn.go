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
// connections learns nothing about it, and a 4-tuple that is used again
// starts beyond what it used before.
func (m *Machine) isn(e *conntable.Entry, now time.Duration) seq.Number {
	return seq.Number(wrap.ISN(uint32(now/(4*time.Microsecond)) + uint32(m.keyed(e, 0))))
}

// stampOffset hides the clock behind our timestamps, per connection.
func (m *Machine) stampOffset(e *conntable.Entry) uint32 { return uint32(m.keyed(e, 1)) }

// keyed is SipHash-2-4 (Aumasson and Bernstein, 2012) of the connection's two
// ends and a number that keeps its uses apart.
func (m *Machine) keyed(e *conntable.Entry, use uint16) uint64 {
	const mapped = 0xffff0000 // the rest of the address in its 16-byte form
	h := newSip(m.cfg.Secret)
	h.add(0)
	h.add(uint64(bits.ReverseBytes32(e.Remote))<<32 | mapped)
	h.add(uint64(e.RemotePort) | uint64(e.LocalPort)<<16 | uint64(e.Local)<<32 | uint64(use)<<48)
	return h.sum(24)
}

type sip struct{ a, b, c, d uint64 }

func newSip(key [2]uint64) sip {
	return sip{
		key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573,
	}
}

func (h *sip) round() {
	h.a += h.b
	h.b = bits.RotateLeft64(h.b, 13) ^ h.a
	h.a = bits.RotateLeft64(h.a, 32)
	h.c += h.d
	h.d = bits.RotateLeft64(h.d, 16) ^ h.c
	h.a += h.d
	h.d = bits.RotateLeft64(h.d, 21) ^ h.a
	h.c += h.b
	h.b = bits.RotateLeft64(h.b, 17) ^ h.c
	h.c = bits.RotateLeft64(h.c, 32)
}

func (h *sip) add(word uint64) {
	h.d ^= word
	h.round()
	h.round()
	h.a ^= word
}

// sum ends a message of length bytes, a multiple of 8.
func (h *sip) sum(length int) uint64 {
	h.add(uint64(length) << 56)
	h.c ^= 0xff
	for range 4 {
		h.round()
	}
	return h.a ^ h.b ^ h.c ^ h.d
}
