package tcpclient

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/seq"
	"myriad/linklayer"
)

const (
	fSYN = linklayer.SYN
	fACK = linklayer.ACK
	fRST = linklayer.RST
	fFIN = linklayer.FIN
	fPSH = linklayer.PSH
)

func TestRequestRidesOnTheACKAndResetEndsIt(t *testing.T) {
	s := newScript(t, Config{})
	request, err := s.client.Intern([]byte("GET / HTTP/1.0\r\n\r\n"))
	require.NoError(t, err)
	s.log.do = func(w *Worker, e *Event) {
		if e.Kind == Data {
			w.Close([]Close{{e.Conn, Reset}}, make([]error, 1))
		}
	}
	id := s.open(Open{Request: request, User: 7})
	s.want(fSYN, 0, 0, "")
	s.link.Clock().Advance(30 * time.Millisecond)
	s.synACK()
	s.want(fACK|fPSH, 1, 1, "GET / HTTP/1.0\r\n\r\n")
	require.Equal(t, 30*time.Millisecond, s.log.events[0].Elapsed)
	require.EqualValues(t, 7, s.log.events[0].User)
	s.send(fACK|fPSH, 1, 19, "hello")
	s.want(fRST|fACK, 19, 6, "")
	require.Equal(t, []EventKind{Connected, Data}, s.log.kinds())
	require.Equal(t, "hello", string(s.log.data))
	require.ErrorIs(t, s.close(id, Reset), ErrClosed)
	s.wantNothing()
	require.Zero(t, s.log.w.table.Len())
}

func TestRequestFollowsInASegmentOfItsOwn(t *testing.T) {
	s := newScript(t, Config{})
	request, err := s.client.Intern([]byte("hi"))
	require.NoError(t, err)
	s.open(Open{Request: request, Separate: true})
	s.want(fSYN, 0, 0, "")
	s.synACK()
	s.want(fACK, 1, 1, "")
	s.want(fACK|fPSH, 1, 1, "hi")
	s.wantNothing()
}

func TestSYNIsSentAgainAndTimesOut(t *testing.T) {
	s := newScript(t, Config{SYNRetries: 2})
	s.open(Open{})
	s.want(fSYN, 0, 0, "")
	s.pass(999 * time.Millisecond)
	s.wantNothing()
	s.pass(2 * time.Millisecond)
	s.want(fSYN, 0, 0, "")
	s.pass(2002 * time.Millisecond)
	s.want(fSYN, 0, 0, "")
	s.pass(4002 * time.Millisecond)
	s.wantNothing()
	require.Equal(t, TimedOut, s.log.events[0].Reason)
	require.Equal(t, []EventKind{Failed}, s.log.kinds())
	require.Zero(t, s.log.w.table.Len())
}

func TestRefusedOnlyWithAGoodACK(t *testing.T) {
	s := newScript(t, Config{})
	s.open(Open{})
	s.want(fSYN, 0, 0, "")
	s.send(fRST, 0, 0, "")
	s.send(fRST|fACK, 0, 5, "")
	require.Empty(t, s.log.events)
	s.send(fRST|fACK, 0, 1, "")
	require.Equal(t, Refused, s.log.events[0].Reason)
	s.wantNothing()
}

func TestStaleACKIsResetAndTheSYNSentAgain(t *testing.T) {
	s := newScript(t, Config{})
	s.open(Open{})
	s.want(fSYN, 0, 0, "")
	s.send(fACK, 100, 5000, "")
	s.want(fRST, 5000, 0, "")
	s.want(fSYN, 0, 0, "")
	s.send(fACK, 100, 5000, "")
	s.want(fRST, 5000, 0, "")
	s.wantNothing() // the number of SYNs does not depend on the peer
	s.synACK()
	s.want(fACK, 1, 1, "")
}

func TestOutOfOrderIsQueuedSACKedAndDelivered(t *testing.T) {
	s := newScript(t, Config{})
	s.establish(Open{})
	s.send(fACK, 6, 1, "world")
	g := s.want(fACK, 1, 1, "").Segment
	require.Equal(t, []seq.Range{{Start: s.irs.Add(6), End: s.irs.Add(11)}}, g.Options.SACK[:g.Options.SACKCount])
	s.send(fACK, 6, 1, "WORLD") // other bytes: the first copy wins
	g = s.want(fACK, 1, 1, "").Segment
	require.Equal(t, seq.Range{Start: s.irs.Add(6), End: s.irs.Add(11)}, g.Options.SACK[0], "D-SACK")
	s.send(fACK|fFIN, 11, 1, "")
	s.want(fACK, 1, 1, "")
	s.send(fACK, 1, 1, "helloXXXXX!")
	s.want(fACK, 1, 12, "")
	require.Equal(t, "helloworld", string(s.log.data))
	require.Equal(t, EndOfStream, s.log.events[len(s.log.events)-1].Kind)
}

func TestInOrderDataIsAcknowledgedEverySecondSegmentOrDelayed(t *testing.T) {
	s := newScript(t, Config{})
	s.open(Open{})
	s.want(fSYN, 0, 0, "")
	s.link.Clock().Advance(100 * time.Millisecond)
	s.synACK()
	s.want(fACK, 1, 1, "")
	s.send(fACK, 1, 1, "a")
	s.wantNothing()
	s.send(fACK, 2, 1, "b")
	s.want(fACK, 1, 3, "")
	s.send(fACK, 3, 1, "c")
	s.pass(39 * time.Millisecond)
	s.wantNothing()
	s.pass(2 * time.Millisecond)
	s.want(fACK, 1, 4, "")
	s.pass(time.Second)
	s.wantNothing()

	s = newScript(t, Config{}) // on a short path the peer's probe comes sooner
	s.establish(Open{})
	s.send(fACK, 1, 1, "a")
	s.wantNothing()
	s.pass(2 * time.Millisecond)
	s.want(fACK, 1, 2, "")
}

func TestDuplicateIsACKedAgainWithDSACK(t *testing.T) {
	s := newScript(t, Config{})
	s.establish(Open{})
	s.send(fACK, 1, 1, "ab")
	s.send(fACK, 1, 1, "ab")
	g := s.want(fACK, 1, 3, "").Segment
	require.Equal(t, 1, g.Options.SACKCount)
	require.Equal(t, seq.Range{Start: s.irs.Add(1), End: s.irs.Add(3)}, g.Options.SACK[0])
	require.Equal(t, "ab", string(s.log.data))
}

func TestLostFinalACKIsRepeated(t *testing.T) {
	s := newScript(t, Config{})
	s.establish(Open{})
	s.synACK()
	s.want(fACK, 1, 1, "")
}

func TestCloseWithFINGoesThroughTimeWait(t *testing.T) {
	s := newScript(t, Config{TimeWait: 2 * time.Second})
	id := s.establish(Open{})
	require.NoError(t, s.close(id, Fin))
	s.want(fFIN|fACK, 1, 1, "")
	s.send(fACK, 1, 2, "")
	s.send(fACK, 1, 2, "late") // half-close: still delivered
	require.Equal(t, "late", string(s.log.data))
	s.send(fACK|fFIN, 5, 2, "")
	s.want(fACK, 2, 6, "")
	require.Equal(t, []EventKind{Data, EndOfStream, Closed}, s.log.kinds())
	require.ErrorIs(t, s.close(id, Reset), ErrClosed)
	s.send(fACK|fFIN, 5, 2, "")
	s.want(fACK, 2, 6, "")
	require.Equal(t, 1, s.log.w.table.Len())
	s.pass(2100 * time.Millisecond)
	require.Zero(t, s.log.w.table.Len())
	require.Empty(t, s.log.events)
}

func TestPeerClosesFirst(t *testing.T) {
	s := newScript(t, Config{})
	id := s.establish(Open{})
	s.send(fACK|fFIN, 1, 1, "bye")
	s.want(fACK, 1, 5, "")
	require.Equal(t, Sent{4, nil}, s.write(id, "more"))
	s.want(fACK|fPSH, 1, 5, "more")
	require.NoError(t, s.close(id, Fin))
	s.want(fFIN|fACK, 5, 5, "")
	s.send(fACK, 5, 6, "")
	require.Equal(t, []EventKind{Data, EndOfStream, Closed}, s.log.kinds())
	require.Zero(t, s.log.w.table.Len())
}

func TestRequestIsSentAgainUntilAcknowledged(t *testing.T) {
	s := newScript(t, Config{DataRetries: 2})
	request, err := s.client.Intern([]byte("hi"))
	require.NoError(t, err)
	s.open(Open{Request: request})
	s.want(fSYN, 0, 0, "")
	s.synACK()
	s.want(fACK|fPSH, 1, 1, "hi")
	s.pass(201 * time.Millisecond)
	s.want(fACK|fPSH, 1, 1, "hi")
	s.pass(401 * time.Millisecond)
	s.want(fACK|fPSH, 1, 1, "hi")
	s.pass(801 * time.Millisecond)
	s.want(fRST|fACK, 3, 1, "")
	require.Equal(t, TimedOut, s.log.events[1].Reason)
}

func TestRSTOnlyAtRcvNxt(t *testing.T) {
	s := newScript(t, Config{})
	s.establish(Open{})
	s.send(fRST, 100, 0, "")
	s.want(fACK, 1, 1, "")
	s.send(fRST, -100, 0, "")
	s.wantNothing()
	s.send(fRST, 1, 0, "")
	require.Equal(t, ResetByPeer, s.log.events[0].Reason)
	s.send(fACK, 1, 1, "x")
	s.want(fRST, 1, 0, "") // no connection any more
}

func TestPauseClosesTheWindowAndResumeOpensIt(t *testing.T) {
	s := newScript(t, Config{ReceiveBuffer: 4000, ReceiveBufferMax: 4000})
	id := s.establish(Open{})
	require.NoError(t, s.log.w.Pause(id))
	block := strings.Repeat("x", 1000)
	sent := 1
	var last linklayer.Segment
	for range 4 {
		s.send(fACK, sent, 1, block)
		sent += 1000
		s.pass(50 * time.Millisecond)
		last = s.want(fACK, 1, sent, "").Segment
	}
	require.Zero(t, last.Window)
	require.Empty(t, s.log.data)
	s.send(fACK, sent, 1, block) // beyond the window: not taken
	s.want(fACK, 1, sent, "")
	require.NoError(t, s.log.w.Resume(id))
	last = s.want(fACK, 1, sent, "").Segment
	require.EqualValues(t, 4000, last.Window)
	require.Len(t, s.log.data, 4000)
	require.Zero(t, s.log.w.machine.BufferBytes())
}

func TestSendsWithinTheWindowsAndRecoversFromLoss(t *testing.T) {
	s := newScript(t, Config{})
	id := s.establish(Open{})
	block := strings.Repeat("a", 1460)
	require.Equal(t, 20*1460, s.write(id, strings.Repeat(block, 20)).Count)
	for k := range 10 { // the initial window
		s.want(fACK, 1+1460*k, 1, block)
	}
	s.wantNothing()
	// The first is lost; SACKs of three others say so.
	for k := 2; k <= 4; k++ {
		s.send(fACK, 1, 1, "", func(g *linklayer.Segment) {
			g.Options.Has, g.Options.SACKCount = linklayer.HasSACK, 1
			g.Options.SACK[0] = seq.Range{Start: s.iss.Add(1 + 1460), End: s.iss.Add(1 + 1460*k)}
		})
	}
	again := 0
	for _, p := range s.heard {
		if p.Segment.Seq == s.iss.Add(1) {
			again++
			require.Equal(t, block, string(p.Segment.Payload))
		} else {
			require.GreaterOrEqual(t, p.Segment.Seq.Since(s.iss), 1+1460*10, "sent again without need")
		}
	}
	require.Equal(t, 1, again)
	high := s.iss
	for range 20 {
		for _, p := range s.heard {
			high = high.Max(p.Segment.Seq.Add(len(p.Segment.Payload)))
		}
		s.heard = nil
		s.send(fACK, 1, high.Since(s.iss), "")
	}
	require.Equal(t, 1+1460*20, high.Since(s.iss))
	require.Zero(t, s.log.w.machine.BufferBytes())
	s.pass(time.Minute)
	s.wantNothing()
}

func TestZeroWindowIsProbed(t *testing.T) {
	s := newScript(t, Config{})
	id := s.establish(Open{})
	s.send(fACK, 1, 1, "", func(g *linklayer.Segment) { g.Window = 0 })
	s.write(id, "abc")
	s.wantNothing()
	s.pass(201 * time.Millisecond)
	s.want(fACK, 1, 1, "a")
	s.send(fACK, 1, 1, "", func(g *linklayer.Segment) { g.Window = 0 })
	s.pass(401 * time.Millisecond)
	s.want(fACK|fPSH, 1, 1, "a")
	s.send(fACK, 1, 1, "", func(g *linklayer.Segment) { g.Window = 100 })
	s.want(fACK|fPSH, 1, 1, "a")
	s.want(fACK|fPSH, 2, 1, "bc")
	s.send(fACK, 1, 4, "")
	s.wantNothing()
	s.pass(time.Minute)
	s.wantNothing()
}

func TestNoAllocationPerPacketInOrder(t *testing.T) {
	s := newScript(t, Config{}, nil...)
	s.log.do = nil
	id := s.establish(Open{})
	_ = id
	at := 1
	s.log.events = make([]Event, 0, 1<<16)
	w := s.log.w
	frame := func() []byte {
		g := linklayer.Segment{Seq: s.irs.Add(at), Ack: s.iss.Add(1), Flags: fACK, Window: 100, Payload: []byte("0123456789")}
		path := linklayer.NewPath(scriptMAC, [6]byte{2, 0, 0, 0, 0, 1}, 64, 0)
		var b [256]byte
		n := linklayer.EmitTCP(b[:], &path, scriptRemote.Addr().As16(), s.local, scriptRemote.Port(), s.port, 1, &g, 0)
		at += 10
		return append([]byte(nil), b[:n]...)
	}
	frames := make([][]byte, 300)
	for k := range frames {
		frames[k] = frame()
	}
	w.handler = nothing{}
	k := 0
	allocs := testing.AllocsPerRun(200, func() {
		s.link.End(1).Inject(frames[k])
		k++
		s.client.Step()
	})
	require.LessOrEqual(t, allocs, 1.0) // simlink's own copy
}

type nothing struct{}

func (nothing) Events(*Worker, []Event) {}

func TestResetAtOnceStillCompletesTheHandshake(t *testing.T) {
	s := newScript(t, Config{})
	s.log.do = func(w *Worker, e *Event) { w.Close([]Close{{e.Conn, Reset}}, make([]error, 1)) }
	s.open(Open{})
	s.want(fSYN, 0, 0, "")
	s.synACK()
	s.want(fACK, 1, 1, "")
	s.want(fRST|fACK, 1, 1, "")
	require.Zero(t, s.log.w.table.Len())
}

// A batch of segments beyond a hole costs a peer with SACK one ACK, and a peer
// without it one for each, since it counts them.
func TestEverySegmentBeyondAHoleIsACKedWithoutSACK(t *testing.T) {
	for _, sack := range []bool{true, false} {
		s := newScript(t, Config{})
		s.open(Open{})
		s.want(fSYN, 0, 0, "")
		s.synACK(func(g *linklayer.Segment) {
			if !sack {
				g.Options.Has &^= linklayer.HasSACKPermitted
			}
		})
		s.want(fACK, 1, 1, "")
		path := linklayer.NewPath(scriptMAC, [6]byte{2, 0, 0, 0, 0, 1}, 64, 0)
		for k := range 4 {
			g := linklayer.Segment{Seq: s.irs.Add(2 + k), Ack: s.iss.Add(1), Flags: fACK, Window: 65535, Payload: []byte{'b' + byte(k)}}
			var frame [256]byte
			n := linklayer.EmitTCP(frame[:], &path, scriptRemote.Addr().As16(), s.local, scriptRemote.Port(), s.port, 1, &g, 0)
			s.link.End(1).Inject(frame[:n])
		}
		s.want(fACK, 1, 1, "")
		for range 3 {
			if !sack {
				s.want(fACK, 1, 1, "")
			}
		}
		s.wantNothing()
		s.send(fACK, 1, 1, "a")
		s.want(fACK, 1, 6, "")
		s.wantNothing()
		require.Equal(t, "abcde", string(s.log.data))
	}
}

// After a SYN that was sent again the timeout is 3 s (RFC 6298 §5.7), but only
// until a round trip was measured.
func TestTimeoutAfterALostSYNFollowsTheFirstSample(t *testing.T) {
	s := newScript(t, Config{})
	id := s.open(Open{})
	s.want(fSYN, 0, 0, "")
	s.pass(1001 * time.Millisecond)
	s.want(fSYN, 0, 0, "")
	s.synACK()
	s.want(fACK, 1, 1, "")
	s.write(id, "ab")
	s.want(fACK|fPSH, 1, 1, "ab")
	s.pass(2999 * time.Millisecond)
	s.wantNothing()
	s.pass(2 * time.Millisecond)
	s.want(fACK|fPSH, 1, 1, "ab")
	s.send(fACK, 1, 3, "") // sent twice: no sample
	s.write(id, "cd")
	s.want(fACK|fPSH, 3, 1, "cd")
	s.link.Clock().Advance(10 * time.Millisecond)
	s.send(fACK, 1, 5, "")
	s.write(id, "ef")
	s.want(fACK|fPSH, 5, 1, "ef")
	s.pass(209 * time.Millisecond)
	s.wantNothing()
	s.pass(2 * time.Millisecond)
	s.want(fACK|fPSH, 5, 1, "ef")
}

// A connection in TIME-WAIT needs its entry for a minute, but nothing more.
func TestTimeWaitHoldsNoSideRecord(t *testing.T) {
	s := newScript(t, Config{})
	id := s.establish(Open{})
	s.write(id, "hi")
	s.want(fACK|fPSH, 1, 1, "hi")
	s.send(fACK, 4, 3, "d!") // beyond a hole
	s.want(fACK, 3, 1, "")
	require.NoError(t, s.close(id, Fin))
	s.want(fFIN|fACK, 3, 1, "")
	s.send(fACK|fFIN, 1, 4, "worXX")
	s.want(fACK, 4, 7, "")
	require.Equal(t, "word!", string(s.log.data))
	require.Equal(t, 1, s.log.w.table.Len())
	require.Zero(t, s.log.w.machine.SidesInUse())
	require.Zero(t, s.log.w.machine.BufferBytes())
	s.send(fACK|fFIN, 1, 4, "worXX") // again
	s.want(fACK, 4, 7, "")
	require.Zero(t, s.log.w.machine.SidesInUse())
}
