package tcpclient

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend/simlink"
	"myriad/linklayer"
)

// refuser is a device that does not cut segments after all.
type refuser struct{ asked int }

func (*refuser) SegmentMax() int { return 65535 }

func (r *refuser) TransmitSegments(pieces [][]byte, size int) error {
	r.asked++
	return errors.New("no such thing")
}

// statsDelay is what Stats may lag behind.
const statsDelay = 6 * time.Millisecond

// burstScript is a connection whose client may send ten segments at once, on a
// device that cuts them.
func burstScript(t *testing.T) (*script, ID) {
	s := newScript(t, Config{}, func(c *simlink.Config) {
		c.Ends = []simlink.EndConfig{{Segments: true}, {}}
	})
	id := s.open(Open{})
	s.want(fSYN, 0, 0, "")
	s.link.Clock().Advance(lossRTT)
	s.synACK()
	s.want(fACK, 1, 1, "")
	return s, id
}

// Who listens to the wire cannot tell that one long segment was sent.
func TestLongSegmentIsFramesOnTheWire(t *testing.T) {
	s, id := burstScript(t)
	s.pass(statsDelay)
	before := s.client.Stats()
	s.write(id, strings.Repeat("a", 10*lossSegment-1))
	for k := range 9 {
		s.wantSegment(k)
	}
	s.want(fACK|fPSH, 1+9*lossSegment, 1, strings.Repeat("a", lossSegment-1))
	s.wantNothing()
	s.pass(statsDelay)
	after := s.client.Stats()
	require.EqualValues(t, 10, after.FramesSent-before.FramesSent)
	require.EqualValues(t, 10*(lossSegment+54)-1, after.BytesSent-before.BytesSent)
}

// A device that refuses is asked once; what it refused is sent again, in
// frames.
func TestDeviceThatCutsNoSegmentsLosesNothing(t *testing.T) {
	s, id := burstScript(t)
	r := &refuser{}
	s.log.w.burst.segmenter = r
	s.write(id, strings.Repeat("a", 10*lossSegment))
	s.wantNothing()
	require.Equal(t, 1, r.asked)
	s.pass(statsDelay)
	require.EqualValues(t, 1, s.client.Stats().Counters["transmit_errors"])
	s.pass(time.Second)
	acked := 0
	for acked < 10 {
		for _, p := range s.heard {
			require.Equal(t, linklayer.ACK, p.Segment.Flags&linklayer.ACK)
			if k := (p.Segment.Seq.Since(s.iss) - 1) / lossSegment; k == acked {
				acked++
			}
		}
		require.NotEmpty(t, s.heard, "nothing comes after segment %d", acked)
		s.heard = nil
		s.ack(acked)
		s.pass(time.Second)
	}
	require.Equal(t, 1, r.asked)
}
