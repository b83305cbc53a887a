package latency

import (
	"math"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newTally() *tally { return &tally{frame: newHistogram(), due: newHistogram()} }

// Replies are told by their place in the stream, merged ones, too, across the
// wrap of the sequence numbers.
func TestRepliesMeetTheirRequests(t *testing.T) {
	p := &peer{iss: math.MaxUint32 - 8, irs: math.MaxUint32 - 3}
	count := newTally()
	for k := range int64(5) {
		require.EqualValues(t, k, p.ask(1000*k))
		p.requested[k].left = 1000*k + 100
	}
	require.Equal(t, p.iss+1+2*messageBytes, p.seq(2))
	first := p.irs + 1
	p.reply(first, 2*messageBytes, 5000, count) // to 0 and 1
	require.EqualValues(t, 2, count.answered)
	require.Equal(t, first+2*messageBytes, p.ack())
	require.InEpsilon(t, 4900, count.frame.Max(), 0.002)
	require.InEpsilon(t, 5000, count.due.Max(), 0.002)

	p.reply(first, messageBytes, 9000, count) // again
	require.EqualValues(t, 2, count.answered)
	p.reply(first+3*messageBytes, messageBytes, 9000, count) // 2 was lost
	require.EqualValues(t, 3, count.answered)
	require.EqualValues(t, 1, count.lost)
	p.reply(first+9*messageBytes, messageBytes, 9000, count) // to what was not asked
	p.reply(first+4*messageBytes, 3*messageBytes, 9000, count)
	require.EqualValues(t, 4, count.answered, "one was left to be answered")
	require.EqualValues(t, 1, count.lost)
}

func TestMissingRequestsAreSentAgainInMeasure(t *testing.T) {
	p := &peer{iss: 7}
	_, ok := p.missing(p.seq(0), 1e9)
	require.False(t, ok, "nothing was asked")
	p.ask(0)
	p.ask(0)
	n, ok := p.missing(p.seq(0), 1e9)
	require.True(t, ok)
	require.Zero(t, n)
	_, ok = p.missing(p.seq(0), 1e9+againEvery-1)
	require.False(t, ok, "a moment ago")
	_, ok = p.missing(p.seq(0), 1e9+againEvery)
	require.True(t, ok)
	n, ok = p.missing(p.seq(1), 1e9+againEvery)
	require.True(t, ok, "the next one is another")
	require.EqualValues(t, 1, n)
	_, ok = p.missing(p.seq(2), 2e9)
	require.False(t, ok, "all has come")
	for !p.full() {
		p.ask(0)
	}
	require.EqualValues(t, window, p.asked)
}

// What is emitted is read back, with sums that are right.
func TestFramesAreRead(t *testing.T) {
	e := emitter{to: net.HardwareAddr{2, 0, 0, 0, 0, 1}, from: net.HardwareAddr{2, 0, 0, 0, 0, 2}, address: 0x0a540001, port: 80}
	b := make([]byte, requestFrame+optionBytes)
	key := uint64(0x0a530007)<<16 | 54321
	n := e.emit(b, key, 1, 2, flagACK|flagPSH, messageBytes)
	require.Equal(t, FrameBytes, n+4, "a minimum frame")
	require.EqualValues(t, 0xffff, sum(b[ipAt:tcpAt], 0))
	require.EqualValues(t, 0xffff, sum(b[tcpAt:n], uint32(sum(b[ipAt+12:tcpAt], uint32(6+n-tcpAt)))))
	s, ok := parse(b[:n])
	require.True(t, ok)
	require.Equal(t, segment{key: uint64(e.address)<<16 | 80, seq: 1, ack: 2, flags: flagACK | flagPSH, payload: messageBytes}, s)
	n = e.emit(b, key, 1, 2, flagSYN|flagACK, 0)
	s, ok = parse(b[:n])
	require.True(t, ok)
	require.Zero(t, s.payload, "the option is none")
	for cut := range headerBytes {
		_, ok := parse(b[:cut])
		require.False(t, ok)
	}
}

func TestCaseIsRefused(t *testing.T) {
	good := Case{Batch: 1, Duration: time.Second, Loads: []float64{0, 0.5}}
	require.NoError(t, good.validate())
	for says, spoil := range map[string]func(c *Case){
		"Batch 0":    func(c *Case) { c.Batch = 0 },
		"Batch 4097": func(c *Case) { c.Batch = BatchMax + 1 },
		"Duration":   func(c *Case) { c.Duration = 0 },
		"a load":     func(c *Case) { c.Loads = []float64{math.NaN()} },
		"of 1 is":    func(c *Case) { c.Loads = []float64{1} },
	} {
		c := good
		spoil(&c)
		require.ErrorContains(t, c.validate(), says)
	}
}

func TestDisturbedRunsSaySo(t *testing.T) {
	r := Result{OfferedPerSecond: 100, SentPerSecond: 99}
	r.judge()
	require.Empty(t, r.Disturbed)
	r = Result{OfferedPerSecond: 100, SentPerSecond: 50, Unanswered: 1, SentAgain: 2, StealShare: 0.5, OthersShare: 0.5, FromDue: Times{P99: 1000}}
	r.judge()
	require.Len(t, r.Disturbed, 6)
}
