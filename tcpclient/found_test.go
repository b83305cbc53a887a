package tcpclient

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend"
	"myriad/linklayer"
)

// What the simulated worlds of internal/sim found, each as the shortest script
// that shows it.

func TestSegmentBeyondTheWindowInSynReceivedIsAnswered(t *testing.T) {
	s := newScript(t, Config{})
	s.open(Open{})
	s.want(linklayer.SYN, 0, 0, "")
	s.send(linklayer.SYN, 0, 0, "")
	s.want(linklayer.SYN|linklayer.ACK, 0, 1, "")
	s.send(linklayer.ACK, 1_000_000, 1, "x")
	s.want(linklayer.ACK, 1, 1, "") // RFC 9293 §3.10.7.4, first
	s.send(linklayer.ACK, 1, 1, "")
	require.Equal(t, []EventKind{Connected}, s.log.kinds())
}

func TestFINBeforeBytesStoredBeyondItIsNone(t *testing.T) {
	s := newScript(t, Config{})
	s.establish(Open{})
	s.send(linklayer.ACK, 21, 1, "there")
	s.send(linklayer.FIN|linklayer.ACK, 11, 1, "abcdefghij")
	s.send(linklayer.ACK, 1, 1, "0123456789")
	s.heard = nil
	require.NotContains(t, s.log.kinds(), EndOfStream)
	require.Equal(t, "0123456789abcdefghijthere", string(s.log.data))
	s.send(linklayer.FIN|linklayer.ACK, 26, 1, "!")
	require.Equal(t, []EventKind{Data, EndOfStream}, s.log.kinds())
}

func TestWindowOfANewerACKIsTakenWhateverItsSequenceNumber(t *testing.T) {
	s := newScript(t, Config{})
	id := s.establish(Open{})
	window := func(bytes uint16) func(*linklayer.Segment) {
		return func(g *linklayer.Segment) { g.Window = bytes >> 7 }
	}
	s.write(id, string(make([]byte, 1280)))
	s.want(linklayer.ACK|linklayer.PSH, 1, 1, string(make([]byte, 1280)))
	s.send(linklayer.ACK, 101, 1, "later", window(2560)) // 2,560 bytes from 1 on
	// The peer goes back: older bytes of its own, newer ACK, same edge.
	s.send(linklayer.ACK, 1, 1281, "sooner", window(1280))
	s.heard = nil
	s.write(id, string(make([]byte, 5000)))
	s.want(linklayer.ACK, 1281, 7, string(make([]byte, 1280)))
	s.wantNothing() // beyond the edge
}

func TestRequestLeavesThoughAHoleComesFirst(t *testing.T) {
	s := newScript(t, Config{})
	request, err := s.client.Intern([]byte("GET"))
	require.NoError(t, err)
	s.open(Open{Request: request, Separate: true})
	s.want(linklayer.SYN, 0, 0, "")
	s.queue(linklayer.SYN|linklayer.ACK, 0, 1, "")
	s.queue(linklayer.ACK, 11, 1, "beyond a hole")
	s.settle()
	s.want(linklayer.ACK, 1, 1, "")
	s.want(linklayer.ACK|linklayer.PSH, 1, 1, "GET")
}

func TestNothingButFailedWhereARecordIsMissing(t *testing.T) {
	s := newScript(t, Config{SideRecords: 1})
	request, err := s.client.Intern(make([]byte, 3000))
	require.NoError(t, err)
	first := s.establish(Open{})
	s.write(first, "takes the record")
	s.heard = nil
	s.open(Open{Request: request})
	s.want(linklayer.SYN, 0, 0, "")
	s.send(linklayer.SYN|linklayer.ACK, 0, 1, "early data")
	require.Equal(t, []EventKind{Failed}, s.log.kinds())
}

func TestRSTAfterBothFINsKeepsWhatWasNotRead(t *testing.T) {
	s := newScript(t, Config{})
	id := s.establish(Open{})
	require.NoError(t, s.log.w.Pause(id))
	s.send(linklayer.FIN|linklayer.ACK, 1, 1, "unread")
	require.NoError(t, s.close(id, Fin))
	s.send(linklayer.RST, 8, 0, "")
	require.Empty(t, s.log.kinds())
	s.send(linklayer.ACK, 8, 2, "") // of our FIN: it must not stop the timer
	_, err := s.client.Check()
	require.NoError(t, err)
	require.NoError(t, s.log.w.Resume(id))
	s.settle()
	require.Equal(t, []EventKind{Data, EndOfStream, Closed}, s.log.kinds())
	require.Equal(t, "unread", string(s.log.data))
	s.heard = nil
}

func TestDeadlineCountsWhileThePaceHoldsTheSYN(t *testing.T) {
	s := newScript(t, Config{Rate: 0.1})
	for range 3 {
		s.open(Open{Timeout: 500 * time.Millisecond})
	}
	s.pass(time.Second)
	require.Equal(t, []EventKind{Failed, Failed, Failed}, s.log.kinds())
	s.heard = nil
}

// A RST while what we sent is not all acknowledged is no end in order, also when
// both have closed; nothing is kept.
func TestResetOfAClosingConnectionThatHasDataInFlight(t *testing.T) {
	for name, first := range map[string]linklayer.Flags{"CLOSING": 0, "LAST-ACK": fFIN} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, Config{})
			id := s.establish(Open{})
			next := 1
			if first != 0 {
				s.send(fACK|fFIN, 1, 1, "")
				next = 2
			}
			s.write(id, "hello")
			require.NoError(t, s.close(id, Fin))
			if first == 0 {
				s.send(fACK|fFIN, 1, 1, "")
				next = 2
			}
			s.heard = nil
			s.send(fRST, next, 0, "")
			last := s.log.events[len(s.log.events)-1]
			require.Equal(t, Failed, last.Kind)
			require.Equal(t, ResetByPeer, last.Reason)
			held, err := s.client.Check()
			require.NoError(t, err)
			require.Zero(t, held.Connections)
			s.log.w.publish(true)
			require.Zero(t, s.client.Stats().ConnectionsOpen)
			s.heard = nil
		})
	}
}

// A peer that acknowledges our FIN and then resets, because we read no more,
// leaves a last event and nothing else.
func TestResetAfterFinDiscardIsTheEnd(t *testing.T) {
	s := newScript(t, Config{})
	id := s.establish(Open{})
	require.NoError(t, s.close(id, FinDiscard))
	s.want(fACK|fFIN, 1, 1, "")
	s.send(fACK, 1, 2, "")
	s.send(fRST, 1, 0, "")
	last := s.log.events[len(s.log.events)-1]
	require.Equal(t, Failed, last.Kind)
	require.Equal(t, ResetByPeer, last.Reason)
	s.log.w.publish(true)
	require.Zero(t, s.client.Stats().ConnectionsOpen)
}

// One segment acknowledges our FIN, which lets the application write again,
// and fills the hole before the peer's FIN, which ends the connection.
func TestWritableComesBeforeAnEndBehindAHole(t *testing.T) {
	s := newScript(t, Config{SendBuffer: 1000})
	id := s.establish(Open{})
	require.Equal(t, 1000, s.write(id, string(make([]byte, 1200))).Count, "Writable is owed")
	s.heard = nil
	s.send(fACK, 1, 301, "")
	require.Equal(t, 200, s.write(id, string(make([]byte, 200))).Count)
	require.NoError(t, s.close(id, Fin))
	s.send(fACK|fFIN, 6, 301, "beyond")
	s.heard = nil
	s.send(fACK, 1, 1202, "hello")
	require.Equal(t, []EventKind{Data, Writable, Data, EndOfStream, Closed}, s.log.kinds())
	s.heard = nil
}

// stingyQueue has few frames to send with.
type stingyQueue struct {
	iobackend.Queue
	left int
}

func (q *stingyQueue) Reserve(frames []iobackend.Frame) int {
	n := q.Queue.Reserve(frames[:min(len(frames), q.left)])
	q.left -= n
	return n
}

// A SYN takes the last frame: the connection goes on when there are more.
func TestSYNInTheLastFrame(t *testing.T) {
	s := newScript(t, Config{})
	queue := &stingyQueue{Queue: s.log.w.queue, left: 1}
	s.log.w.queue = queue
	request, err := s.client.Intern([]byte("GET"))
	require.NoError(t, err)
	s.open(Open{Request: request})
	s.want(linklayer.SYN, 0, 0, "")
	queue.left = 1
	s.pass(2 * time.Second)
	s.want(linklayer.SYN, 0, 0, "") // again
	queue.left = 1
	s.synACK()
	s.want(linklayer.ACK|linklayer.PSH, 1, 1, "GET")
}
