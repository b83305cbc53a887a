package sim

import "math/rand/v2"

// streamPeriod is odd, so that no power of two is a period of a stream.
const streamPeriod = 65521

var streamTable = func() (t [streamPeriod + 65536]byte) {
	r := rand.New(rand.NewPCG(7, 7))
	for k := range streamPeriod {
		t[k] = byte(r.Uint32())
	}
	for k := streamPeriod; k < len(t); k++ { // more than one period: a copy would end in what is not there yet
		t[k] = t[k-streamPeriod]
	}
	return t
}()

// stream is an endless run of bytes that any part can be had of.
type stream uint32

// at returns the n bytes from offset on; n ≤ 65,536. They must not be changed.
func (s stream) at(offset, n int) []byte {
	start := (int(s) + offset) % streamPeriod
	return streamTable[start : start+n]
}

// lie returns the same bytes with every bit turned.
func (s stream) lie(offset, n int) []byte {
	b := append([]byte(nil), s.at(offset, n)...)
	for k := range b {
		b[k] = ^b[k]
	}
	return b
}
