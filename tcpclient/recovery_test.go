package tcpclient

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/handshake"
	"myriad/internal/seq"
	"myriad/linklayer"
)

const (
	lossSegment = 1460
	lossRTT     = 100 * time.Millisecond
)

// lossScript is a connection over a path of 100 ms with count full segments
// just sent.
func lossScript(t *testing.T, count int) (*script, ID) {
	s := newScript(t, Config{})
	id := s.open(Open{})
	s.want(fSYN, 0, 0, "")
	s.link.Clock().Advance(lossRTT)
	s.synACK()
	s.want(fACK, 1, 1, "")
	require.Equal(t, []EventKind{Connected}, s.log.kinds())
	s.write(id, strings.Repeat("a", count*lossSegment))
	for k := range min(count, 10) {
		s.wantSegment(k)
	}
	s.wantNothing()
	return s, id
}

// wantSegment takes full segment k from the client, the first being 0.
func (s *script) wantSegment(k int) {
	s.t.Helper()
	s.settle()
	require.NotEmpty(s.t, s.heard, "the client did not send segment %d", k)
	g := s.heard[0].Segment
	s.heard = s.heard[1:]
	require.Equal(s.t, k, (g.Seq.Since(s.iss)-1)/lossSegment, "segment")
	require.Len(s.t, g.Payload, lossSegment)
}

// ack acknowledges the segments before number k, with SACK for those in pairs
// [from, to).
func (s *script) ack(k int, pairs ...int) {
	s.t.Helper()
	s.send(fACK, 1, 1+k*lossSegment, "", func(g *linklayer.Segment) {
		for n := 0; n < len(pairs); n += 2 {
			g.Options.Has |= linklayer.HasSACK
			g.Options.SACK[g.Options.SACKCount] = seq.Range{
				Start: s.iss.Add(1 + pairs[n]*lossSegment), End: s.iss.Add(1 + pairs[n+1]*lossSegment),
			}
			g.Options.SACKCount++
		}
	})
}

func (s *script) counters() *handshake.Counters { return &s.log.w.machine.Counters }

// RFC 8985 §7: two round trips after the last segment.
func TestTailLossProbeAfterTwoRoundTrips(t *testing.T) {
	s, _ := lossScript(t, 3)
	s.pass(199 * time.Millisecond)
	s.wantNothing()
	s.pass(2 * time.Millisecond)
	s.wantSegment(2)
	s.wantNothing()
	// The probe tells of the loss before it: the rest follows without a timeout.
	s.pass(lossRTT)
	s.ack(1, 2, 3)
	s.pass(30 * time.Millisecond)
	s.wantSegment(1)
	s.ack(3)
	s.pass(time.Minute)
	s.wantNothing()
	require.Zero(t, s.counters().Timeouts)
	require.EqualValues(t, 1, s.counters().LossProbes)
}

func TestProbeIsNewDataWhereThereIsSome(t *testing.T) {
	s, _ := lossScript(t, 12) // more than the congestion window
	s.pass(199 * time.Millisecond)
	s.wantNothing()
	s.pass(2 * time.Millisecond)
	s.wantSegment(10)
	s.wantNothing()
}

// The retransmission timeout still comes, after the probe.
func TestTimeoutFollowsAnUnansweredProbe(t *testing.T) {
	s, _ := lossScript(t, 3)
	s.pass(201 * time.Millisecond)
	s.wantSegment(2)
	s.pass(298 * time.Millisecond)
	s.wantNothing()
	s.pass(3 * time.Millisecond)
	s.wantSegment(0)
	s.wantNothing() // one segment: RFC 5681 §3.1
	require.EqualValues(t, 1, s.counters().Timeouts)
}

// RFC 8985 §6.2: one segment overtook; a quarter of a round trip later what it
// overtook is lost.
func TestLossAfterTheReorderingWindow(t *testing.T) {
	s, _ := lossScript(t, 10)
	s.pass(lossRTT)
	s.ack(0, 1, 2)
	s.pass(24 * time.Millisecond)
	s.wantNothing()
	s.pass(2 * time.Millisecond)
	s.wantSegment(0)
	s.wantNothing()
}

func TestReorderingIsNotLoss(t *testing.T) {
	s, _ := lossScript(t, 10)
	s.pass(lossRTT)
	s.ack(0, 1, 2)
	s.pass(20 * time.Millisecond)
	s.ack(2)
	s.ack(2, 3, 8) // the path was seen to reorder: five segments are no proof
	s.pass(20 * time.Millisecond)
	s.wantNothing()
	s.ack(10)
	s.pass(time.Minute)
	s.wantNothing()
	require.Zero(t, s.counters().FastRecoveries)
}

// Three segments after it have arrived, on a path that keeps the order.
func TestThreeSACKedSegmentsAreProofAtOnce(t *testing.T) {
	s, _ := lossScript(t, 10)
	s.pass(lossRTT)
	s.ack(0, 1, 2)
	s.ack(0, 1, 3)
	s.wantNothing()
	s.ack(0, 1, 4)
	s.wantSegment(0)
}

// RFC 8985's gain over RFC 6675: what is sent again can be lost again without a
// timeout.
func TestLostRetransmissionIsFoundWithoutTimeout(t *testing.T) {
	s, _ := lossScript(t, 20)
	s.pass(lossRTT)
	s.ack(0, 1, 4)
	s.wantSegment(0)
	s.pass(time.Millisecond)
	s.ack(0, 1, 10)
	fresh := 10
	for len(s.heard) > 0 {
		s.wantSegment(fresh)
		fresh++
	}
	require.Greater(t, fresh, 11, "recovery sends new data")
	s.pass(lossRTT)
	s.ack(0, 1, fresh) // all but the first, which was lost twice
	s.wantSegment(0)
	require.Zero(t, s.counters().Timeouts)
	require.EqualValues(t, 1, s.counters().FastRecoveries, "the window shrinks once")
}

// RFC 2883 and RFC 3708: what came twice had not been lost, so nothing is taken
// from the window.
func TestDSACKUndoesARecovery(t *testing.T) {
	s, id := lossScript(t, 10)
	s.pass(lossRTT)
	s.ack(0, 1, 4)
	s.wantSegment(0)
	s.ack(10)
	s.ack(10, 0, 1)
	require.EqualValues(t, 1, s.counters().Undone)
	s.write(id, strings.Repeat("a", 20*lossSegment))
	for k := range 10 {
		s.wantSegment(10 + k)
	}
}

// A timeout whose answer is the ACK of what was sent once was for nothing.
func TestSpuriousTimeoutIsTakenBack(t *testing.T) {
	s, _ := lossScript(t, 10)
	s.pass(201 * time.Millisecond)
	s.wantSegment(9) // the probe
	s.pass(301 * time.Millisecond)
	s.wantSegment(0)
	s.ack(4) // late, and of more than what was sent again
	s.wantNothing()
	require.EqualValues(t, 1, s.counters().Undone)
	s.ack(10)
	s.pass(time.Minute)
	s.wantNothing()
}

// RFC 6937: while one of twenty is missing, the others are replaced in the
// proportion by which the window shrinks.
func TestProportionalRateReduction(t *testing.T) {
	s, _ := lossScript(t, 60)
	s.pass(lossRTT)
	s.ack(5)
	s.ack(10) // slow start: twenty in flight
	for k := 10; k < 30; k++ {
		s.wantSegment(k)
	}
	s.wantNothing()
	s.pass(lossRTT)
	sent := 0
	for k := 12; k <= 30; k++ {
		s.ack(10, 11, k)
		sent += len(s.heard)
		s.heard = nil
	}
	require.InDelta(t, 0.7*20, sent, 1.5, "CUBIC's 0.7 of what was in flight, the lost one included")
}

// Neither nonsense nor repetition outside a recovery takes from the window.
func TestACKsOutsideRecoveryNeverLowerTheWindow(t *testing.T) {
	s, id := lossScript(t, 10)
	s.pass(lossRTT)
	for range 50 {
		s.ack(0)
		s.ack(0, 30, 40)
	}
	s.wantNothing()
	s.ack(5)
	s.ack(10)
	s.write(id, strings.Repeat("a", 40*lossSegment))
	for k := range 15 { // the second ACK found no more than half of it in use
		s.wantSegment(10 + k)
	}
	s.wantNothing()
}

// RFC 5681 §4.1.
func TestWindowAfterIdleIsTheInitialOne(t *testing.T) {
	s, id := lossScript(t, 10)
	s.pass(lossRTT)
	s.ack(10)
	s.pass(10 * time.Second)
	s.write(id, strings.Repeat("a", 40*lossSegment))
	for k := range 10 {
		s.wantSegment(10 + k)
	}
	s.wantNothing()
}

// RFC 6582: without SACK three duplicate ACKs tell of one loss, a partial ACK of
// the next.
func TestNewRenoWithoutSACK(t *testing.T) {
	s := newScript(t, Config{CongestionControl: "newreno"})
	id := s.open(Open{})
	s.want(fSYN, 0, 0, "")
	s.link.Clock().Advance(lossRTT)
	s.synACK(func(g *linklayer.Segment) { g.Options.Has &^= linklayer.HasSACKPermitted })
	s.want(fACK, 1, 1, "")
	s.write(id, strings.Repeat("a", 10*lossSegment))
	for k := range 10 {
		s.wantSegment(k)
	}
	s.pass(lossRTT)
	s.ack(0) // the window is scaled from here on
	s.ack(0)
	s.ack(0)
	s.wantNothing()
	s.ack(0)
	s.wantSegment(0)
	for range 5 {
		s.ack(0)
	}
	s.wantNothing()
	s.pass(lossRTT)
	s.ack(4)
	s.wantSegment(4)
	s.ack(10)
	s.pass(time.Minute)
	s.wantNothing()
	require.Zero(t, s.counters().Timeouts)
}

// A batch that begins more ranges than one ACK can tell of is acknowledged in
// between, so that the peer hears of each.
func TestEveryRangeOfABatchIsReported(t *testing.T) {
	s := newScript(t, Config{})
	s.establish(Open{})
	want := map[int]bool{}
	for k := 1; k <= 20; k++ {
		s.queue(fACK, 1+200*k, 1, strings.Repeat("x", 100))
		want[1+200*k] = true
	}
	s.settle()
	for _, p := range s.heard {
		o := &p.Segment.Options
		for _, b := range o.SACK[:o.SACKCount] {
			delete(want, b.Start.Since(s.irs))
		}
	}
	require.Empty(t, want, "never reported")
	require.LessOrEqual(t, len(s.heard), 11, "one ACK for two ranges")
	s.heard = nil
}
