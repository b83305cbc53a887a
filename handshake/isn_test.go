package handshake

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/conntable"
	"myriad/internal/wrap"
)

// The reference vectors of SipHash-2-4: key 00 01 … 0f, message 00 01 ….
func TestSipHashReferenceVectors(t *testing.T) {
	key := [2]uint64{0x0706050403020100, 0x0f0e0d0c0b0a0908}
	h := newSip(key).add(0x0706050403020100)
	require.Equal(t, uint64(0x93f5f5799a932462), h.sum(8))
	h = h.add(0x0f0e0d0c0b0a0908)
	require.Equal(t, uint64(0x3f2acc7f57c29bdb), h.sum(16))
}

func TestISNFollowsTheClockAndHidesBehindTheKey(t *testing.T) {
	if wrap.Forced {
		t.Skip("a build tag makes the ISNs here")
	}
	m := &Machine{sip: newSip([2]uint64{1, 2})}
	other := &Machine{sip: newSip([2]uint64{1, 3})}
	e := &conntable.Entry{RemotePort: 80, LocalPort: 4000}
	neighbour := &conntable.Entry{RemotePort: 80, LocalPort: 4001}
	first := m.isn(e, time.Hour)
	require.Equal(t, 250_000, m.isn(e, time.Hour+time.Second).Since(first), "a tick every 4 µs, RFC 6528 §3")
	require.NotEqual(t, first, other.isn(e, time.Hour))
	require.NotEqual(t, first+1, m.isn(neighbour, time.Hour))
	require.NotEqual(t, m.stampOffset(e), uint32(m.keyed(e, 0)), "timestamps and ISNs are not correlated")
}
