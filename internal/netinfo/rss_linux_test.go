package netinfo

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// driverAnswer is what a driver says of four entries and a key of 40 bytes.
func driverAnswer() []byte {
	b := make([]byte, rxfhBytes+4*4+40)
	binary.NativeEndian.PutUint32(b[8:], 4)
	binary.NativeEndian.PutUint32(b[12:], 40)
	b[16] = hashToeplitz
	for k := range 4 {
		binary.NativeEndian.PutUint32(b[rxfhBytes+4*k:], uint32(k%2))
	}
	for k := range 40 {
		b[rxfhBytes+16+k] = byte(k + 1)
	}
	return b
}

func TestParseRSS(t *testing.T) {
	r := parseRSS(driverAnswer())
	require.Equal(t, []uint32{0, 1, 0, 1}, r.Indirection)
	require.Len(t, r.Key, 40)
	require.EqualValues(t, 1, r.Key[0])
	require.EqualValues(t, 40, r.Key[39])
}

// What cannot be computed is as if it were not known.
func TestParseRSSLeavesWhatItDoesNotKnow(t *testing.T) {
	for _, spoil := range []func(b []byte){
		func(b []byte) { b[16] = 2 },                                        // XOR
		func(b []byte) { b[17] = 1 },                                        // symmetric
		func(b []byte) { binary.NativeEndian.PutUint32(b[8:], 0) },          // no table
		func(b []byte) { binary.NativeEndian.PutUint32(b[12:], 41) },        // longer than it is
		func(b []byte) { binary.NativeEndian.PutUint32(b[8:], 0xffffffff) }, // absurd
	} {
		b := driverAnswer()
		spoil(b)
		require.Nil(t, parseRSS(b))
	}
}

// The loopback device has none, and that is no error.
func TestReceiveScalingOfDevicesWithout(t *testing.T) {
	require.Nil(t, receiveScaling("lo"))
	require.Nil(t, receiveScaling("nosuch0"))
}
