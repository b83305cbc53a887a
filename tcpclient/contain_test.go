package tcpclient

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/conntable"
)

// A bug that shows on one connection, whatever brings it up, ends that one with
// a typed error. The others, and the process, go on.
func TestAFailedAssertionEndsOneConnection(t *testing.T) {
	spoil := map[string]func(e *conntable.Entry){
		"numbers that cannot be": func(e *conntable.Entry) { e.SndUna = e.SndNxt + 100_000 },
		"a record out of bounds": func(e *conntable.Entry) { e.Side = 1 << 30 },
	}
	cause := map[string]func(s *script, id ID){
		"a segment": func(s *script, _ ID) { s.send(fACK|fPSH, 1, 1, "x") },
		"a call":    func(s *script, id ID) { s.write(id, "y") },
		"a timer": func(s *script, id ID) {
			i, _ := s.log.w.table.Resolve(id)
			s.log.w.wheel.Arm(i, s.log.w.now+time.Millisecond)
			s.log.w.table.At(i).Extended = true
			s.log.w.table.Extra(i).AckDue = 1
			s.pass(10 * time.Millisecond)
			s.log.w.queueOutput(i)
			s.settle()
		},
	}
	for broken, spoil := range spoil {
		for how, cause := range cause {
			t.Run(broken+", "+how, func(t *testing.T) {
				s := newScript(t, Config{})
				other := s.establish(Open{})
				iss, port, local := s.iss, s.port, s.local
				id := s.establish(Open{User: 7})
				i, _ := s.log.w.table.Resolve(id)
				spoil(s.log.w.table.At(i))
				cause(s, id)
				require.NotEmpty(t, s.log.events)
				last := s.log.events[len(s.log.events)-1]
				require.Equal(t, Failed, last.Kind)
				require.Equal(t, Internal, last.Reason)
				require.EqualValues(t, 7, last.User)
				require.ErrorIs(t, last.Reason.Err(), ErrInternal)
				require.ErrorIs(t, s.client.Bug(), ErrInternal)
				s.log.w.publish(true)
				require.EqualValues(t, 1, s.client.Stats().Counters["assertions_failed"])
				require.EqualValues(t, 1, s.client.Stats().ConnectionsOpen)
				require.NoError(t, s.client.Err())
				s.heard, s.log.events, s.log.data = nil, nil, nil

				s.iss, s.port, s.local = iss, port, local
				s.write(other, "abc")
				s.want(fACK|fPSH, 1, 1, "abc")
				s.send(fACK|fPSH, 1, 4, "def")
				require.Equal(t, "def", string(s.log.data))
				held, err := s.client.Check()
				require.NoError(t, err)
				require.Equal(t, 1, held.Connections)
			})
		}
	}
}
