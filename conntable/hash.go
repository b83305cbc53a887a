package conntable

import "math/bits"

// hashKey is the secret that makes hashes unpredictable to a peer.
type hashKey [4]uint64

// newHashKey stretches a seed to a key (splitmix64, Steele et al. 2014).
func newHashKey(seed [2]uint64) (k hashKey) {
	state := seed[0] ^ bits.RotateLeft64(seed[1], 32) ^ 0x6a09e667f3bcc908
	for i := range k {
		state += 0x9e3779b97f4a7c15
		z := state ^ seed[i&1]
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		k[i] = z ^ z>>31 | 1 // odd, hence never 0
	}
	return k
}

// fold multiplies to 128 bits and folds the halves together: each bit of the
// result depends on all of both arguments.
func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}

// remote hashes one end of a connection.
func (k *hashKey) remote(address uint32, port uint64) uint64 {
	const mapped = 0xffff0000 // the rest of the address in its 16-byte form
	return fold(fold(k[0], (uint64(bits.ReverseBytes32(address))<<32|mapped)^k[1])^port, k[2])
}

// entry hashes the key of an entry, without a copy.
func (k *hashKey) entry(e *Entry) uint64 {
	return k.remote(e.Remote,
		uint64(e.RemotePort)|uint64(e.LocalPort)<<16|uint64(e.Local)<<32)
}

// key hashes a whole key.
func (k *hashKey) key(key *Key) uint64 {
	return k.remote(key.Remote,
		uint64(key.RemotePort)|uint64(key.LocalPort)<<16|uint64(key.Local)<<32)
}
