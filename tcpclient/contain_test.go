package tcpclient

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/conntable"
	"myriad/linklayer"
)

// breakRecord has the next look at what a connection holds fail.
func breakRecord(e *conntable.Entry) { e.Side = 1 << 30 }

// A bug that shows on one connection, whatever brings it up, ends that one with
// a typed error. The others, and the process, go on.
func TestAFailedAssertionEndsOneConnection(t *testing.T) {
	spoil := map[string]func(e *conntable.Entry){
		"numbers that cannot be": func(e *conntable.Entry) { e.SndUna = e.SndNxt + 100_000 },
		"a record out of bounds": breakRecord,
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
		"an ICMP error": func(s *script, _ ID) {
			quoted := linklayer.Packet{Source: s.local, Destination: linklayer.Mapped(0x0a020001), SourcePort: s.port, DestinationPort: 80}
			quoted.Segment.Seq = s.iss + 1
			s.icmpAbout(&quoted, linklayer.ICMPUnreachable, linklayer.ICMPFragmentationNeeded, 600)
		},
	}
	for broken, spoil := range spoil {
		for how, cause := range cause {
			t.Run(broken+", "+how, func(t *testing.T) {
				s := newScript(t, Config{})
				o := s.establishOther()
				id := s.establish(Open{User: 7})
				spoil(s.entry(id))
				cause(s, id)
				s.requireInternal(7)
				o.requireAlive(s)
			})
		}
	}
}

// The same when the connection's first SYN is about to leave.
func TestAFailedAssertionAtTheFirstSYN(t *testing.T) {
	s := newScript(t, Config{})
	o := s.establishOther()
	var r [3]Opened
	s.log.w.Open([]Open{{Remote: scriptRemote}, {Remote: scriptRemote, User: 7}, {Remote: scriptRemote}}, r[:])
	breakRecord(s.entry(r[1].Conn))
	s.settle()
	s.requireInternal(7)
	require.Len(t, s.heard, 2, "the SYNs before and behind it left")
	require.NoError(t, s.close(r[0].Conn, Reset))
	require.NoError(t, s.close(r[2].Conn, Reset))
	o.requireAlive(s)
}

// The same when the link's MTU changes, for which all connections are looked at.
func TestAFailedAssertionAtAnMTUChange(t *testing.T) {
	s, link := newWatched(t, Config{})
	o := s.establishOther()
	id := s.establish(Open{User: 7})
	breakRecord(s.entry(id))
	link.MTU = 1000
	s.settle()
	s.requireInternal(7)
	o.requireAlive(s)
}

// One in TIME-WAIT that makes room for another has had its last event: the bug
// is noted, and the other takes its place.
func TestAFailedAssertionInTimeWait(t *testing.T) {
	s := newScript(t, Config{ConnectionsMax: 2})
	o := s.establishOther()
	id := s.establish(Open{})
	s.close(id, Fin)
	s.want(fFIN|fACK, 1, 1, "")
	s.send(fFIN|fACK, 1, 2, "")
	s.want(fACK, 2, 2, "")
	require.Equal(t, []EventKind{EndOfStream, Closed}, s.log.kinds())
	breakRecord(s.entry(id))
	next := s.open(Open{})
	s.want(fSYN, 0, 0, "")
	require.Empty(t, s.log.events, "its last event is behind it")
	s.requireNoted()
	require.NoError(t, s.close(next, Reset))
	o.requireAlive(s)
}

// A connection that the application has reset hears of nothing more either.
func TestAFailedAssertionAtAReset(t *testing.T) {
	s := newScript(t, Config{})
	o := s.establishOther()
	id := s.establish(Open{})
	breakRecord(s.entry(id))
	require.NoError(t, s.close(id, Reset))
	require.Empty(t, s.log.events)
	s.requireNoted()
	o.requireAlive(s)
}

func (s *script) entry(id ID) *conntable.Entry {
	i, ok := s.log.w.table.Resolve(id)
	require.True(s.t, ok)
	return s.log.w.table.At(i)
}

// requireInternal: the connection with this User word ended by a typed error,
// once.
func (s *script) requireInternal(user uint64) {
	s.t.Helper()
	var last []Event
	for _, e := range s.log.events {
		if e.Kind == Failed {
			last = append(last, e)
		}
	}
	require.Len(s.t, last, 1)
	require.Equal(s.t, Internal, last[0].Reason)
	require.Equal(s.t, user, last[0].User)
	require.ErrorIs(s.t, last[0].Reason.Err(), ErrInternal)
	s.requireNoted()
}

// requireNoted: one assertion failed, for a report, and the client goes on.
func (s *script) requireNoted() {
	s.t.Helper()
	require.ErrorIs(s.t, s.client.Bug(), ErrInternal)
	s.log.w.publish(true)
	require.EqualValues(s.t, 1, s.client.Stats().Counters["assertions_failed"])
	require.NoError(s.t, s.client.Err())
}

// bystander is a connection that must not notice.
type bystander struct {
	id  ID
	end script // its numbers
}

func (s *script) establishOther() bystander {
	s.t.Helper()
	id := s.establish(Open{})
	return bystander{id, script{iss: s.iss, port: s.port, local: s.local}}
}

// requireAlive: it is the only one left, and carries data both ways.
func (o bystander) requireAlive(s *script) {
	s.t.Helper()
	s.log.w.publish(true)
	require.EqualValues(s.t, 1, s.client.Stats().ConnectionsOpen)
	s.heard, s.log.events, s.log.data = nil, nil, nil
	s.iss, s.port, s.local = o.end.iss, o.end.port, o.end.local
	s.write(o.id, "abc")
	s.want(fACK|fPSH, 1, 1, "abc")
	s.send(fACK|fPSH, 1, 4, "def")
	require.Equal(s.t, "def", string(s.log.data))
	held, err := s.client.Check()
	require.NoError(s.t, err)
	require.Equal(s.t, 1, held.Connections)
}
