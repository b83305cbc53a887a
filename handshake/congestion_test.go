package handshake

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/seq"
)

// TestCubicFollowsItsCurve compares with RFC 9438 §4.2 in floating point: from a
// loss at 1,000 segments over 100 ms.
func TestCubicFollowsItsCurve(t *testing.T) {
	const size, rtt = 1000, 100_000
	var u cubic
	cwnd := uint32(1000 * size)
	cwnd = u.lose(cwnd, size)
	require.EqualValues(t, 700*size, cwnd)
	k := math.Cbrt(300 / 0.4)
	u.begin(float64(cwnd)/size, 0)
	for now := uint32(0); now < 20_000_000; now += rtt {
		for range cwnd / size / 2 { // an ACK for every second segment
			cwnd += u.grow(cwnd, 2*size, size, rtt, now)
		}
		at := float64(now+rtt)/1e6 - k
		if now > 1_000_000 {
			require.InEpsilon(t, 0.4*at*at*at+1000, float64(cwnd)/size, 0.03, "after %d µs", now)
		}
	}
}

// RFC 9438 §4.3: over short round trips it is no slower than Reno, and over those
// below a millisecond as fast as Linux's.
func TestCubicIsAsFastAsReno(t *testing.T) {
	const size = 1460
	for rtt, alpha := range map[uint32]float64{shortRound: cubicAlpha, shortRound - 1: 1, 20: 1} {
		var u cubic
		cwnd := u.lose(100*size, size)
		rounds := uint32(0)
		for ; cwnd < 100*size; rounds++ {
			for range cwnd / size {
				cwnd += u.grow(cwnd, size, size, rtt, rounds*rtt)
			}
		}
		require.InDelta(t, 30/alpha, rounds, 6, "%v segments a round trip of %d µs", alpha, rtt)
	}
}

// A round trip that nobody has measured is not a short one.
func TestCubicWithoutARoundTrip(t *testing.T) {
	const size = 1460
	var u cubic
	cwnd := u.lose(100*size, size)
	before := cwnd
	for range 10 * cwnd / size {
		cwnd += u.grow(cwnd, size, size, 0, 0)
	}
	require.InDelta(t, 10*cubicAlpha, float64(cwnd-before)/size, 1)
}

// RFC 9438 §4.7.
func TestCubicFastConvergence(t *testing.T) {
	var u cubic
	u.lose(1000*1460, 1460)
	require.EqualValues(t, 1000, u.most)
	u.lose(800*1460, 1460)
	require.InDelta(t, 680, u.most, 0.01, "a smaller window than last time: give way")
	u.lose(900*1460, 1460)
	require.InDelta(t, 900, u.most, 0.01)
}

func TestWindowNeverFallsBelowTwoSegments(t *testing.T) {
	for _, newReno := range []bool{false, true} {
		var g congestion
		g.start(1460)
		for range 50 {
			g.lose(1460, 1460, newReno)
			require.GreaterOrEqual(t, g.ssthresh, uint32(2*1460))
			g.cwnd = 1460
		}
	}
}

// RFC 6937: in a recovery that begins with 100 segments in flight of which one
// is lost, the window is halved by the end, without a burst.
func TestPRRHalvesWithoutABurst(t *testing.T) {
	const size = 1000
	p := prr{flight: 100 * size}
	pipe, ssthresh := uint32(96*size), uint32(50*size) // three SACKed, one lost
	burst := uint32(0)
	for range 95 {
		cwnd := p.window(pipe, size, ssthresh, size, true, false)
		leaves := cwnd - pipe
		burst = max(burst, leaves)
		p.out += leaves
		pipe += leaves
		pipe -= size // one arrives
	}
	require.LessOrEqual(t, burst, uint32(2*size))
	require.InDelta(t, 50*size, pipe, 3*size)
}

// What is lost beyond the threshold is not made good in a burst.
func TestPRRIsConservativeWhileMoreIsLost(t *testing.T) {
	const size = 1000
	p := prr{flight: 100 * size, out: size}
	cwnd := p.window(10*size, size, 50*size, size, false, false)
	require.EqualValues(t, 10*size, cwnd, "one arrived, one had left")
	cwnd = p.window(10*size, size, 50*size, size, true, false)
	require.EqualValues(t, 12*size, cwnd, "slow start: two for one")
}

// RFC 9406: round trips that get longer end slow start; one longer round that
// was chance does not.
func TestHyStartEndsSlowStart(t *testing.T) {
	var h hystart
	round := func(n int, rtt uint32) (over bool) {
		for k := range 10 {
			una := uint32(n*1000 + k*100)
			over = h.ack(seq.Number(una), seq.Number(uint32(n*1000+1000)), rtt) || over
		}
		return over
	}
	require.False(t, round(0, 50_000))
	require.False(t, round(1, 52_000))
	require.Zero(t, h.rounds)
	require.False(t, round(2, 60_000))
	require.NotZero(t, h.rounds, "conservative")
	require.Equal(t, 1460/hystartGrowth, h.growth(1460, 1460))
	require.False(t, round(3, 51_000))
	require.Zero(t, h.rounds, "it was chance")
	require.False(t, round(4, 60_000))
	for k := 5; k < 9; k++ {
		require.False(t, round(k, 62_000))
	}
	require.True(t, round(9, 62_000), "five rounds of it")
}

func TestNewRenoGrowsByASegmentARoundTrip(t *testing.T) {
	const size = 1000
	g := congestion{cwnd: 50 * size, ssthresh: 50 * size, limited: true}
	for range 50 {
		g.grow(&ackedNew{bytes: size, size: size, flight: 50 * size}, true)
	}
	require.EqualValues(t, 51*size, g.cwnd)
	g.limited = false
	for range 500 {
		g.grow(&ackedNew{bytes: size, size: size, flight: 50 * size}, true)
	}
	require.EqualValues(t, 51*size, g.cwnd, "what is not used does not grow")
}

// Windows whose product does not fit into 32 bits.
func TestPRRWithLargeWindows(t *testing.T) {
	const size = 9000
	for _, flight := range []uint32{1 << 20, 1 << 26, windowMost} {
		p := prr{delivered: flight / 2, out: flight / 8, flight: flight}
		cwnd := p.window(flight*3/4, 0, flight/2, size, false, false)
		require.InDelta(t, flight/8*7, cwnd, size, "half has arrived, so a quarter may leave, and an eighth has; flight %d", flight)
	}
}

// TestCubicNeverLowersTheWindow: ACKs only let it grow, also where the curve
// lies below it.
func TestCubicNeverLowersTheWindow(t *testing.T) {
	const size = 1460
	for _, window := range []uint32{2, 10, 500, 100_000} {
		u := cubic{most: 1000, origin: 1000, started: true}
		cwnd := window * size
		for now := uint32(0); now < 10_000_000; now += 100_000 {
			grown := u.grow(cwnd, size, size, 1000, now)
			require.LessOrEqual(t, grown, uint32(size), "an ACK of one segment, at %d segments", window)
			cwnd += grown
		}
	}
}
