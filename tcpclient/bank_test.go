package tcpclient

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend/simlink"
	"myriad/linklayer"
)

// Tests that other stacks' bugs have asked for: see internal/mutants.

const fURG = linklayer.URG

// urgentStates bring a connection into each state. The next byte of the peer's
// is 1 + peer, and it has acknowledged all but a FIN that is unacknowledged by
// the state's name.
var urgentStates = []struct {
	name string
	peer int
	to   func(s *script)
}{
	{"SYN-SENT", -1, func(s *script) { s.open(Open{}); s.want(fSYN, 0, 0, "") }},
	{"SYN-RECEIVED", 0, func(s *script) {
		s.open(Open{})
		s.want(fSYN, 0, 0, "")
		s.send(fSYN, 0, 0, "")
		s.want(fSYN|fACK, 0, 1, "")
	}},
	{"ESTABLISHED", 0, func(s *script) { s.establish(Open{}) }},
	{"ESTABLISHED with a hole", 0, func(s *script) {
		s.establish(Open{})
		s.send(fACK, 3, 1, "l")
		s.want(fACK, 1, 1, "")
	}},
	{"CLOSE-WAIT", 1, func(s *script) {
		s.establish(Open{})
		s.send(fFIN|fACK, 1, 1, "")
		s.want(fACK, 1, 2, "")
	}},
	{"FIN-WAIT-1", 0, func(s *script) { s.close(s.establish(Open{}), Fin); s.want(fFIN|fACK, 1, 1, "") }},
	{"FIN-WAIT-2", 0, func(s *script) {
		s.close(s.establish(Open{}), Fin)
		s.want(fFIN|fACK, 1, 1, "")
		s.send(fACK, 1, 2, "")
	}},
	{"CLOSING", 1, func(s *script) {
		s.close(s.establish(Open{}), Fin)
		s.want(fFIN|fACK, 1, 1, "")
		s.send(fFIN|fACK, 1, 1, "")
		s.want(fACK, 2, 2, "")
	}},
	{"LAST-ACK", 1, func(s *script) {
		id := s.establish(Open{})
		s.send(fFIN|fACK, 1, 1, "")
		s.want(fACK, 1, 2, "")
		s.close(id, Fin)
		s.want(fFIN|fACK, 1, 2, "")
	}},
	{"TIME-WAIT", 1, func(s *script) {
		s.close(s.establish(Open{}), Fin)
		s.want(fFIN|fACK, 1, 1, "")
		s.send(fFIN|fACK, 1, 2, "")
		s.want(fACK, 2, 2, "")
	}},
}

// smallRings make a world cheap.
func smallRings(c *simlink.Config) {
	c.Ends = []simlink.EndConfig{{ReceiveFrames: 64, SendFrames: 64}, {ReceiveFrames: 8, SendFrames: 8}}
}

// TestURGInEveryState: with URG and any pointer, a segment does what it does
// without.
func TestURGInEveryState(t *testing.T) {
	for _, state := range urgentStates {
		t.Run(state.name, func(t *testing.T) {
			for _, flags := range []linklayer.Flags{fACK, fACK | fFIN, fSYN | fACK, fRST} {
				play := func(urgent func(*linklayer.Segment)) string {
					s := newScript(t, Config{ConnectionsMax: 4, SideRecords: 2}, smallRings)
					state.to(s)
					s.log.events = nil
					s.send(flags, 1+state.peer, 1, "hello", urgent)
					s.pass(time.Second)
					said := fmt.Sprintf("%v %q", s.log.kinds(), s.log.data)
					for _, p := range s.heard {
						g := &p.Segment
						said += fmt.Sprintf(" %v %d %d %q", g.Flags, g.Seq.Since(s.iss), g.Ack.Since(s.irs), g.Payload)
					}
					return said
				}
				want := play(func(*linklayer.Segment) {})
				for _, pointer := range []uint16{0, 3, 65535} {
					require.Equal(t, want, play(func(g *linklayer.Segment) { g.Flags |= fURG; g.Urgent = pointer }),
						"%v, pointer %d", flags, pointer)
				}
			}
		})
	}
}

// A segment that follows its connection's RST in the same batch was looked up
// before the connection ended: it is one of no connection.
func TestSegmentBehindAResetInOneBatch(t *testing.T) {
	s := newScript(t, Config{})
	s.establish(Open{})
	s.queue(fRST, 1, 0, "")
	s.queue(fACK, 1, 1, "hello")
	s.want(fRST, 1, 0, "")
	s.wantNothing()
	require.Equal(t, []EventKind{Failed}, s.log.kinds())
	require.Empty(t, s.log.data)
	held, err := s.client.Check()
	require.NoError(t, err)
	require.Zero(t, held)
}

// Nothing is armed, and nothing is called, for a connection that has ended.
func TestNoTimerAfterTheEnd(t *testing.T) {
	s := newScript(t, Config{})
	s.establish(Open{Timeout: time.Minute, Idle: time.Second})
	s.send(fRST, 1, 0, "")
	require.Equal(t, []EventKind{Failed}, s.log.kinds())
	held, err := s.client.Check()
	require.NoError(t, err)
	require.Zero(t, held)
	s.pass(2 * time.Minute)
	require.Empty(t, s.log.kinds())
	s.wantNothing()
}

// A flood that is answered once a while takes no memory for what is held back.
func TestChallengesHeldBackTakeNothing(t *testing.T) {
	for _, idle := range []time.Duration{0, time.Minute} {
		s := newScript(t, Config{})
		s.establish(Open{Idle: idle})
		for k := range 100 {
			s.send(fRST, 100+k, 0, "")
		}
		s.want(fACK, 1, 1, "")
		s.wantNothing()
		held, err := s.client.Check()
		require.NoError(t, err)
		require.Zero(t, held.SideRecords)
		require.EqualValues(t, 99, s.log.w.machine.Counters.ChallengesHeld)
	}
}

// TestChallengesOfOneConnectionSayNothingOfAnother: who holds a connection
// cannot learn from its challenges whether a guess about another one was
// right.
func TestChallengesOfOneConnectionSayNothingOfAnother(t *testing.T) {
	for _, idle := range []time.Duration{0, time.Minute} {
		s := newScript(t, Config{})
		s.establish(Open{Idle: idle})
		port, local := s.port, s.local
		s.establish(Open{Idle: idle})
		port, s.port = s.port, port
		local, s.local = s.local, local
		s.send(fRST, 100, 0, "")
		require.Len(t, s.heard, 1, "a guess that was right, challenged; idle limit %v", idle)
		s.port, s.local, s.heard = port, local, nil
		s.send(fRST, 100, 0, "")
		require.Len(t, s.heard, 1, "the attacker's own, idle limit %v", idle)
		s.heard = nil
	}
}
