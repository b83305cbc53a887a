package tcpclient

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/linklayer"
)

// TestRefusalsCannotBeCounted plays the side channel: in each interval more
// segments of no connection than are answered. What comes out differs from one
// interval to the next by more than a range of guesses could take, no number is
// frequent, and the rate stays below what is promised.
func TestRefusalsCannotBeCounted(t *testing.T) {
	b, random := &bucket{}, linklayer.NewIDs([32]byte{1})
	const intervals = 2000
	var sum, pairs int
	seen := map[int]int{}
	last, least, most := -1, refusalsMost, 0
	for k := range intervals {
		n := 0
		for range 2 * refusalsMost { // spread over the whole interval
			if b.take(time.Duration(k)*refusalEvery+time.Duration(n)*time.Microsecond, random) {
				n++
			}
		}
		require.False(t, b.take(time.Duration(k+1)*refusalEvery-1, random), "nothing is added within an interval")
		if n == last {
			pairs++
		}
		last, least, most, sum = n, min(least, n), max(most, n), sum+n
		seen[n]++
	}
	require.LessOrEqual(t, most, refusalsMost)
	require.GreaterOrEqual(t, least, 490)
	require.Greater(t, most-least, 400)
	require.Less(t, pairs, intervals/100, "intervals with as many as the one before")
	for n, times := range seen {
		require.Less(t, times, intervals/50, "%d came out too often", n)
	}
	require.InDelta(t, 745, sum/intervals, 15)
}

// TestRefusalsTellNothingOfConnections: a stranger who has spoofed segments to
// many tuples cannot tell, from the RSTs that are left for himself, whether one
// of the tuples was that of a connection.
func TestRefusalsTellNothingOfConnections(t *testing.T) {
	s := newScript(t, Config{})
	s.establish(Open{})
	const spoofed, his = 1000, 2000 // ports that RSTs go to
	left := map[int]int{}
	for range 100 {
		s.heard = nil
		s.strange(spoofed, 300)
		s.strange(his, 900)
		n := 0
		for _, p := range s.heard {
			if p.DestinationPort == his {
				n++
			}
		}
		require.Less(t, n, 701, "RSTs are left for him")
		left[n]++
		s.pass(refusalEvery)
	}
	require.Greater(t, len(left), 50, "he counts %v", left)
	require.Empty(t, s.log.kinds())
}

// strange has n segments of no connection arrive from a port.
func (s *script) strange(port uint16, n int) {
	g := linklayer.Segment{Seq: 1, Ack: 77, Flags: linklayer.ACK}
	path := linklayer.NewPath(scriptMAC, ourMAC, 64, 0)
	var frame [128]byte
	size := linklayer.EmitTCP(frame[:], &path, scriptRemote.Addr().As16(), s.local, port, s.port, 1, &g, 0)
	for k := range n {
		s.link.End(1).Inject(frame[:size])
		if k%20 == 19 {
			s.settle()
		}
	}
}
