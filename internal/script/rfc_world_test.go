package script

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/wrap"
	"myriad/tcpclient"
)

// synAt returns the ISN of a connection opened when the clock shows at.
func synAt(t *testing.T, seed uint64, at time.Duration, port uint16) uint32 {
	t.Helper()
	s := defaultSettings()
	s.Client.Seed = seed
	w, err := newWorld(&s, at)
	require.NoError(t, err)
	var syn *segment
	w.onFrame = func(_ time.Duration, frame []byte) {
		syn, err = decode(frame)
		require.NoError(t, err)
	}
	o := openDefault()
	o.Local = netip.AddrPortFrom(localAddress, port)
	require.NoError(t, w.do(func(worker *tcpclient.Worker) {
		worker.Open([]tcpclient.Open{o}, make([]tcpclient.Opened, 1))
	}))
	require.NoError(t, w.settle())
	require.NoError(t, w.close())
	require.NotNil(t, syn)
	return syn.seq
}

// RFC 9293 M8, M9 and RFC 6528: a clock of 4 µs, plus a keyed function of the
// connection's ends that an outsider cannot guess.
func TestRFC09_InitialSequenceNumbers(t *testing.T) {
	if wrap.Forced {
		t.Skip("a build tag makes the ISNs here")
	}
	first := synAt(t, 1, time.Hour, localPort)
	require.Equal(t, first+250_000, synAt(t, 1, time.Hour+time.Second, localPort), "one second on, the same ends")
	require.Equal(t, first, synAt(t, 1, time.Hour+(1<<32)*4*time.Microsecond, localPort), "once around")
	seen := map[uint32]bool{first: true}
	for port := uint16(localPort + 1); port < localPort+50; port++ {
		isn := synAt(t, 1, time.Hour, port)
		distance := int32(isn - first)
		require.False(t, seen[isn] || distance > -10_000 && distance < 10_000, "port %d tells of port %d", port, localPort)
		seen[isn] = true
	}
	require.NotEqual(t, first, synAt(t, 2, time.Hour, localPort), "another secret")
}
