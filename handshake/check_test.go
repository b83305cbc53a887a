package handshake

import (
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/conntable"
)

// TestCheckFindsWhatIsWrong: the invariants that simulations rely on are not
// true of everything.
func TestCheckFindsWhatIsWrong(t *testing.T) {
	for want, spoil := range map[string]func(e *conntable.Entry, x *conntable.Extra, s *Side, m *Machine){
		"SND.UNA":                           func(e *conntable.Entry, _ *conntable.Extra, _ *Side, _ *Machine) { e.SndUna = e.SndNxt + 1 },
		"the window's edge":                 func(e *conntable.Entry, _ *conntable.Extra, _ *Side, _ *Machine) { e.RcvEdge = e.RcvNxt - 1 },
		"beyond RCV.NXT":                    func(e *conntable.Entry, _ *conntable.Extra, s *Side, _ *Machine) { s.receive.read = e.RcvNxt + 1 },
		"a RST is owed":                     func(e *conntable.Entry, _ *conntable.Extra, _ *Side, _ *Machine) { e.Flags |= sendRST },
		"an ACK is owed":                    func(e *conntable.Entry, _ *conntable.Extra, _ *Side, _ *Machine) { e.Flags |= ackNow },
		"no delayed ACK is due":             func(e *conntable.Entry, _ *conntable.Extra, _ *Side, _ *Machine) { e.Unacked = 1 },
		"a timer that is not set":           func(e *conntable.Entry, _ *conntable.Extra, _ *Side, _ *Machine) { e.Due = 0 },
		"the state's timer is set for noth": func(e *conntable.Entry, _ *conntable.Extra, _ *Side, _ *Machine) { e.State = conntable.FinWait2 },
		"not the first of the sender's": func(_ *conntable.Entry, _ *conntable.Extra, s *Side, _ *Machine) {
			s.send.early = earlyTimer{earlyProbe, s.send.rtoDue - 1}
		},
		"the peer has it": func(_ *conntable.Entry, _ *conntable.Extra, s *Side, m *Machine) {
			b, _ := s.send.flight.at(&m.flights, 0)
			b.sacked, b.lost = 1, 1
		},
		"has 0 bytes": func(_ *conntable.Entry, _ *conntable.Extra, s *Side, m *Machine) {
			b, _ := s.send.flight.at(&m.flights, 0)
			b.end[0] = s.send.flight.start
		},
		"1 lost, counted": func(_ *conntable.Entry, _ *conntable.Extra, s *Side, _ *Machine) { s.send.flight.lost = 1 },
		"the flight is":   func(e *conntable.Entry, _ *conntable.Extra, _ *Side, _ *Machine) { e.SndUna++ },
	} {
		p := newPair(t, nil)
		i := p.stand()
		_, err := p.Write(i, make([]byte, 2000), p.now)
		require.NoError(t, err)
		p.say(i)
		held, err := p.Check(i, p.now)
		require.NoError(t, err)
		require.NoError(t, p.CheckHoldings(held))
		e := p.table.At(i)
		var g Glance
		require.True(t, p.Changed(i, &g))
		require.False(t, p.Changed(i, &g))
		spoil(e, p.table.Extra(i), &p.sides.records[e.Side-1], p.Machine)
		withinFlight := want == "the peer has it" || want == "has 0 bytes"
		require.Equal(t, !withinFlight, p.Changed(i, &g), "%s is seen at a glance", want)
		_, err = p.Check(i, p.now)
		require.ErrorContains(t, err, want)
		held.BufferBytes++
		require.ErrorContains(t, p.CheckHoldings(held), "was taken")
	}
}
