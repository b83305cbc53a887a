package scan

import "math/bits"

// cookie is what a probe to a target looks like, from a keyed hash of it: whoever
// has not seen the probe can neither forge an answer nor learn the key.
type cookie struct {
	number uint32 // TCP's sequence number, ICMP's identifier and sequence number
	port   uint16 // source port, counted from the first
	source uint16 // which of our addresses
}

// key of the cookies.
type key [2]uint64

// cookieFor gives one of sources addresses and one of ports source ports, each
// at most 2^16.
func (k *key) cookieFor(address uint32, port uint16, sources, ports uint32) cookie {
	return makeCookie(k.sip(uint64(address)<<16|uint64(port)), sources, ports)
}

func makeCookie(h uint64, sources, ports uint32) cookie {
	return cookie{
		number: uint32(h),
		port:   uint16(h >> 32 & 0xffff * uint64(ports) >> 16),
		source: uint16(h >> 48 * uint64(sources) >> 16),
	}
}

// cookiesFor is cookieFor for many targets.
func (k *key) cookiesFor(cookies []cookie, targets []target, sources, ports uint32) {
	cookies = cookies[:len(targets)]
	for n := range targets {
		t := &targets[n]
		cookies[n] = makeCookie(k.sip(uint64(t.address)<<16|uint64(t.port)), sources, ports)
	}
}

// sip is SipHash-1-3 of one word (Aumasson and Bernstein, 2012; the reduced
// rounds are what hash tables use), without the length's block.
func (k *key) sip(word uint64) uint64 {
	v0, v1 := k[0]^0x736f6d6570736575, k[1]^0x646f72616e646f6d
	v2, v3 := k[0]^0x6c7967656e657261, k[1]^0x7465646279746573
	v3 ^= word
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0 ^= word
	v2 ^= 0xff
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	return v0 ^ v1 ^ v2 ^ v3
}

func sipRound(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0 += v1
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v0 = bits.RotateLeft64(v0, 32)
	v2 += v3
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 += v3
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v2 += v1
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v2 = bits.RotateLeft64(v2, 32)
	return v0, v1, v2, v3
}
