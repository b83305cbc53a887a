package tcpclient

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A worker stays awake for the ACK of bulk data over a short path, and for nothing
// else: not over a longer path, not for data that all of it has left, not where
// that takes the only processor.
func TestWorkerStaysAwakeForTheACKOfBulkData(t *testing.T) {
	const short = 50 * time.Microsecond
	for _, c := range []struct {
		name     string
		rtt      time.Duration
		segments int
		shared   bool
		awake    time.Duration
	}{
		{name: "bulk data over a short path", rtt: short, segments: 40, awake: 2 * short},
		{name: "the longest short path", rtt: shortRound, segments: 40, awake: 2 * shortRound},
		{name: "a longer path", rtt: shortRound + time.Microsecond, segments: 40},
		{name: "nothing more to send", rtt: short, segments: 5},
		{name: "no processor to spare", rtt: short, segments: 40, shared: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t, Config{})
			w := s.log.w
			w.roomy = !c.shared
			id := s.open(Open{})
			s.want(fSYN, 0, 0, "")
			s.link.Clock().Advance(c.rtt)
			s.synACK()
			s.want(fACK, 1, 1, "")
			s.write(id, strings.Repeat("a", c.segments*lossSegment))
			s.settle()
			s.link.Clock().Advance(c.rtt)
			s.ack(2) // the first round trip that data has
			if c.awake == 0 {
				require.LessOrEqual(t, w.awake, w.now)
				return
			}
			require.Equal(t, c.awake, w.awake-w.now)
			for k := 4; k <= c.segments; k += 2 {
				s.pass(c.rtt)
				s.ack(k)
			}
			until := w.awake
			s.pass(time.Second)
			require.Equal(t, until, w.awake, "all of it has arrived")
		})
	}
}
