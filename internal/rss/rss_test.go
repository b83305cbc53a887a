package rss

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// published is the key of Microsoft's "Verifying the RSS Hash Calculation".
const published = "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa"

func ip(t testing.TB, s string) uint32 {
	a := netip.MustParseAddr(s).As4()
	return binary.BigEndian.Uint32(a[:])
}

// The vectors published with the key, for TCP over IPv4.
func TestPublishedVectors(t *testing.T) {
	key, err := hex.DecodeString(published)
	require.NoError(t, err)
	h, err := New(Config{Key: key, Indirection: []uint32{0, 1, 2, 3}})
	require.NoError(t, err)
	for _, v := range []struct {
		source, destination         string
		sourcePort, destinationPort uint16
		want                        uint32
	}{
		{"66.9.149.187", "161.142.100.80", 2794, 1766, 0x51ccc178},
		{"199.92.111.2", "65.69.140.83", 14230, 4739, 0xc626b0ea},
		{"24.19.198.95", "12.22.207.184", 12898, 38024, 0x5c2b394a},
		{"38.27.205.30", "209.142.163.6", 48228, 2217, 0xafc7327f},
		{"153.39.163.191", "202.188.127.2", 44251, 1303, 0x10e828a2},
	} {
		hash := h.Remote(ip(t, v.source), v.sourcePort) ^ h.Local(ip(t, v.destination)) ^ h.Port(v.destinationPort)
		require.Equal(t, v.want, hash, "%#x", hash)
		require.Equal(t, v.want%4, h.Queue(hash))
	}
}

// slow is the hash as it is specified: a window of the key for each bit.
func slow(key, input []byte) (hash uint32) {
	for at := range len(input) * 8 {
		if input[at/8]&(0x80>>(at%8)) == 0 {
			continue
		}
		for bit := range 32 {
			if k := at + bit; key[k/8]&(0x80>>(k%8)) != 0 {
				hash ^= 1 << (31 - bit)
			}
		}
	}
	return hash
}

func TestAgainstTheDefinition(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		key := make([]byte, KeyMin+r.IntN(40))
		for k := range key {
			key[k] = byte(r.Uint32())
		}
		h, err := New(Config{Key: key, Indirection: []uint32{7}})
		require.NoError(t, err)
		remote, local, rport, lport := r.Uint32(), r.Uint32(), uint16(r.Uint32()), uint16(r.Uint32())
		var input [inputBytes]byte
		binary.BigEndian.PutUint32(input[0:], remote)
		binary.BigEndian.PutUint32(input[4:], local)
		binary.BigEndian.PutUint16(input[8:], rport)
		binary.BigEndian.PutUint16(input[10:], lport)
		require.Equal(t, slow(key, input[:]), h.Remote(remote, rport)^h.Local(local)^h.Port(lport))
		require.EqualValues(t, 7, h.Queue(r.Uint32()))
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []Config{{}, {Key: make([]byte, KeyMin-1), Indirection: []uint32{0}}, {Key: make([]byte, 40)}, {Key: make([]byte, 40), Indirection: make([]uint32, 3)}} {
		_, err := New(c)
		require.ErrorContains(t, err, "rss: ")
	}
}
