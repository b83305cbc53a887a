package tcpclient

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/seq"
	"myriad/iobackend"
)

// watchedDevice tells what the test says of its link.
type watchedDevice struct {
	iobackend.Device
	state *iobackend.LinkState
}

func (d watchedDevice) Link() iobackend.LinkState { return *d.state }

// newWatched is a script whose link the test controls.
func newWatched(t *testing.T, cfg Config) (*script, *iobackend.LinkState) {
	state := &iobackend.LinkState{Up: true, MTU: 1500}
	s := newScript(t, cfg)
	s.client.links[0].watched = watchedDevice{s.link.End(0), state}
	return s, state
}

// A link that is down for minutes costs no connection a retry, whatever it was
// doing, and what was on its way goes on within two seconds.
func TestLinkFlapCountsNoRetries(t *testing.T) {
	s, link := newWatched(t, Config{DataRetries: 3, SYNRetries: 2})
	id := s.establish(Open{})
	iss, port, local := s.iss, s.port, s.local
	require.Equal(t, 3, s.write(id, "abc").Count)
	s.want(fACK|fPSH, 1, 1, "abc")
	s.open(Open{})
	s.want(fSYN, 0, 0, "")
	link.Up = false
	s.link.SetUp(false)
	before := s.link.End(0).Fates().Sent
	s.pass(10 * time.Minute)
	require.Equal(t, 3, s.write(id, "def").Count)
	s.open(Open{}) // waits
	s.pass(10 * time.Minute)
	require.Empty(t, s.log.events, "nothing has failed")
	require.Equal(t, before, s.link.End(0).Fates().Sent, "nothing was sent")

	link.Up = true
	s.link.SetUp(true)
	s.pass(2 * time.Second)
	require.Empty(t, s.log.events)
	var again, syns int
	for _, p := range s.heard {
		switch {
		case p.Segment.Flags == fSYN:
			syns++
		case p.SourcePort == port && strings.HasPrefix(string(p.Segment.Payload), "abc"):
			again++
		}
	}
	require.NotZero(t, again, "what was lost is sent again")
	require.GreaterOrEqual(t, syns, 2, "the SYN again, and the one that waited")
	s.heard = nil
	s.iss, s.port, s.local = iss, port, local
	s.send(fACK|fPSH, 1, 7, "ok")
	require.Equal(t, "ok", string(s.log.data))
	s.log.w.publish(true)
	require.EqualValues(t, 1, s.client.Stats().Counters["link_down"])
}

// Limits that the application set go on without a link.
func TestDeadlinesHoldWithoutALink(t *testing.T) {
	s, link := newWatched(t, Config{})
	s.establish(Open{Timeout: 5 * time.Second})
	link.Up = false
	s.pass(6 * time.Second)
	require.Equal(t, DeadlineExceeded, s.log.events[0].Reason)
	link.Up = true
}

// A smaller MTU makes segments smaller at once, and what we announce too.
func TestMTUChange(t *testing.T) {
	s, link := newWatched(t, Config{})
	id := s.establish(Open{})
	link.MTU = 1000
	s.settle()
	block := make([]byte, 1460)
	require.Equal(t, len(block), s.write(id, string(block)).Count)
	s.want(fACK, 1, 1, string(block[:960]))
	s.want(fACK|fPSH, 961, 1, string(block[960:]))
	s.send(fACK, 1, 1461, "")
	s.open(Open{Remote: netip.MustParseAddrPort("10.2.0.9:80")})
	require.EqualValues(t, 960, s.want(fSYN, 0, 0, "").Segment.Options.MSS)
	link.MTU = 9000
	s.settle()
	s.open(Open{Remote: netip.MustParseAddrPort("10.2.0.10:80")})
	require.EqualValues(t, 1460, s.want(fSYN, 0, 0, "").Segment.Options.MSS, "its memory was made for that")
}

// A worker that was kept from its processor for a minute, or slept with the
// whole machine, takes what has arrived before it looks at timers: no connection
// sends anything again, but for those that nothing came for, once.
func TestClockJumpsAMinute(t *testing.T) {
	s := newScript(t, Config{Batch: 16})
	const answered, silent = 40, 10
	type end struct {
		iss   uint32
		port  uint16
		local [16]byte
	}
	var ends []end
	for range answered + silent {
		id := s.establish(Open{})
		s.write(id, "abc")
		s.want(fACK|fPSH, 1, 1, "abc")
		ends = append(ends, end{uint32(s.iss), s.port, s.local})
	}
	s.log.events = nil
	for _, e := range ends[:answered] { // they arrived while the worker stood still
		s.iss, s.port, s.local = seq.Number(e.iss), e.port, e.local
		s.queue(fACK, 1, 4, "")
	}
	s.link.Clock().AdvanceTo(s.link.Clock().Now() + time.Minute)
	s.settle()
	sent := map[uint16]int{}
	for _, p := range s.heard {
		sent[p.SourcePort]++
	}
	for k, e := range ends {
		if k < answered {
			require.Zero(t, sent[e.port], "its answer lay in the ring")
		} else {
			require.Equal(t, 1, sent[e.port], "one retransmission")
		}
	}
	require.Empty(t, s.log.events, "nothing has failed")
}
