package handshake

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/conntable"
	"myriad/internal/seq"
	"myriad/linklayer"
)

// pair is a machine with connections whose peers say what a test has them say.
type pair struct {
	*Machine
	t     *testing.T
	table *conntable.Table
	now   time.Duration
	ids   []uint32 // interned requests of 100 and of 3,000 bytes
}

const peerISN = seq.Number(5000)

func newPair(t *testing.T, change func(*Config)) *pair {
	t.Helper()
	cfg := Config{
		MSS: 1000, ReceiveBuffer: 10_000, ReceiveBufferMax: 10_000, SendBuffer: 5000, BufferMemory: 1 << 20,
		SYNRetries: 3, DataRetries: 5, RTOMin: 200 * time.Millisecond, TimeWait: time.Minute, Sides: 2, HolesMax: 8,
	}
	if change != nil {
		change(&cfg)
	}
	p := &pair{t: t, now: time.Hour}
	requests := &Requests{Max: 3100}
	for _, size := range []int{100, 3000} {
		id, err := requests.Add(bytes.Repeat([]byte{'r'}, size))
		require.NoError(t, err)
		p.ids = append(p.ids, id)
	}
	_, err := requests.Add([]byte("x"))
	require.ErrorIs(t, err, ErrRequests)
	p.table, err = conntable.New(8, 0, [2]uint64{1, 2})
	require.NoError(t, err)
	p.Machine, err = New(cfg, p.table, requests)
	require.NoError(t, err)
	return p
}

// stand opens a connection and completes its handshake.
func (p *pair) stand() uint32 {
	p.t.Helper()
	i, err := p.table.Insert(&conntable.Key{RemotePort: 80, LocalPort: uint16(1 + p.table.Len())})
	require.NoError(p.t, err)
	p.Open(i, p.now, OpenOptions{})
	Start(p.table.At(i))
	require.Len(p.t, p.say(i), 1)
	g := linklayer.Segment{Seq: peerISN, Ack: p.table.At(i).SndNxt, Flags: linklayer.SYN | linklayer.ACK, Window: 60_000}
	g.Options.Has, g.Options.MSS = linklayer.HasMSS|linklayer.HasSACKPermitted, 1000
	require.Equal(p.t, Connected, p.Step(i, &g, p.now).Events)
	require.Len(p.t, p.say(i), 1)
	return i
}

// say is what connection i sends now.
func (p *pair) say(i uint32) (all []linklayer.Segment) {
	var out Out
	for p.Output(i, p.now, &out) {
		out.Segment.Payload = append(bytes.Clone(out.Segment.Payload), out.Segment.Payload2...)
		all = append(all, out.Segment)
	}
	return all
}

// hear is a segment of the peer's that acknowledges all, at an offset into its
// stream.
func (p *pair) hear(i uint32, at int, data string) Result {
	g := linklayer.Segment{Seq: peerISN.Add(1 + at), Ack: p.table.At(i).SndNxt, Flags: linklayer.ACK, Window: 60_000, Payload: []byte(data)}
	return p.Step(i, &g, p.now)
}

// payloads joins what segments carry.
func payloads(all []linklayer.Segment) (b []byte) {
	for _, g := range all {
		b = append(b, g.Payload...)
	}
	return b
}

func TestWriteRequestTakesAllOrNothing(t *testing.T) {
	p := newPair(t, nil)
	i := p.stand()
	n, err := p.Write(i, bytes.Repeat([]byte{'a'}, 1000), p.now)
	require.NoError(t, err)
	require.Equal(t, 1000, n)
	n, err = p.WriteRequest(i, p.ids[1], p.now)
	require.NoError(t, err)
	require.Equal(t, 3000, n, "behind other bytes, a copy")
	n, err = p.WriteRequest(i, p.ids[1], p.now)
	require.NoError(t, err)
	require.Zero(t, n, "no room")
	sent := payloads(p.say(i))
	require.Equal(t, append(bytes.Repeat([]byte{'a'}, 1000), bytes.Repeat([]byte{'r'}, 3000)...), sent)
	require.Equal(t, Writable, p.hear(i, 0, "").Events, "and it is told when there is")
	p.Finish(i, false, p.now)
	_, err = p.WriteRequest(i, p.ids[0], p.now)
	require.ErrorIs(t, err, ErrNotOpen)
	_, err = p.Write(i, []byte("x"), p.now)
	require.ErrorIs(t, err, ErrNotOpen)
}

// What was refused for want of memory leaves nothing behind: bytes written
// later are sent, not those of the request that was not taken.
func TestRequestThatWasRefusedIsNotSent(t *testing.T) {
	p := newPair(t, func(c *Config) { c.Sides = 1 })
	i, other := p.stand(), p.stand()
	_, err := p.Write(other, []byte("x"), p.now)
	require.NoError(t, err)
	_, err = p.WriteRequest(i, p.ids[1], p.now)
	require.ErrorIs(t, err, ErrNoMemory, "the other has the only record")
	_, err = p.Write(i, []byte("x"), p.now)
	require.ErrorIs(t, err, ErrNoMemory)
	p.Forget(other)
	_, err = p.Write(i, []byte("own"), p.now)
	require.NoError(t, err)
	require.Equal(t, "own", string(payloads(p.say(i))))
}

// Timestamps that both ends have offered are agreed on: a connection without
// the memory for them fails, instead of sending what the peer has to drop.
func TestTimestampsWithoutMemoryFail(t *testing.T) {
	p := newPair(t, func(c *Config) { c.Sides, c.Timestamps = 1, true })
	syn := func() (uint32, linklayer.Segment) {
		i, err := p.table.Insert(&conntable.Key{RemotePort: 80, LocalPort: uint16(1 + p.table.Len())})
		require.NoError(t, err)
		p.Open(i, p.now, OpenOptions{})
		Start(p.table.At(i))
		require.Len(t, p.say(i), 1)
		g := linklayer.Segment{Seq: peerISN, Ack: p.table.At(i).SndNxt, Flags: linklayer.SYN | linklayer.ACK, Window: 60_000}
		g.Options.Has, g.Options.TSVal = linklayer.HasTimestamps, 7
		return i, g
	}
	first, g := syn()
	require.Equal(t, Connected, p.Step(first, &g, p.now).Events)
	other, g := syn()
	stranger := g
	stranger.Flags = linklayer.SYN
	require.Equal(t, Result{}, p.Step(other, &stranger, p.now), "who does not know our ISN ends nothing")
	require.Equal(t, conntable.SynSent, p.table.At(other).State)
	require.Equal(t, Result{Events: Failed | Gone, Reason: NoMemory}, p.Step(other, &g, p.now))
	require.EqualValues(t, 2, p.Counters.Drops[DropNoSide])
	plain, g := syn()
	g.Options.Has = 0
	require.Equal(t, Connected, p.Step(plain, &g, p.now).Events, "a peer without timestamps needs no record")
}

// After 4 GiB the numbers of an acknowledged request come again, and belong to
// other bytes.
func TestRequestIsForgottenOnceAcknowledged(t *testing.T) {
	p := newPair(t, nil)
	i := p.stand()
	_, err := p.WriteRequest(i, p.ids[1], p.now)
	require.NoError(t, err)
	require.Len(t, payloads(p.say(i)), 3000)
	p.hear(i, 0, "")
	_, err = p.Write(i, []byte("own"), p.now)
	require.NoError(t, err)
	p.table.Extra(i).RequestSeq = p.table.At(i).SndNxt // as after 2³² bytes
	require.Equal(t, "own", string(payloads(p.say(i))))
}

// A write on a plain connection whose request is due again takes over both.
func TestWriteTakesOverARequestThatTimedOut(t *testing.T) {
	p := newPair(t, nil)
	i := p.stand()
	_, err := p.WriteRequest(i, p.ids[0], p.now)
	require.NoError(t, err)
	require.Len(t, payloads(p.say(i)), 100)
	p.now += time.Second
	p.Timeout(i, p.now)
	_, err = p.Write(i, []byte("own"), p.now)
	require.NoError(t, err)
	sent := p.say(i)
	require.Equal(t, append(bytes.Repeat([]byte{'r'}, 100), "own"...), payloads(sent))
	require.Equal(t, p.table.At(i).SndUna, sent[0].Seq, "from the beginning")
}

// Without memory for it, nothing that comes early or is not wanted yet is kept,
// nor acknowledged; it is dropped by name.
func TestNothingIsKeptWithoutMemory(t *testing.T) {
	p := newPair(t, func(c *Config) { c.Sides = 1 })
	i, other := p.stand(), p.stand()
	_, err := p.Write(other, []byte("x"), p.now)
	require.NoError(t, err)
	require.Zero(t, p.hear(i, 10, "early").Events)
	p.Pause(i)
	require.Zero(t, p.hear(i, 0, "now").Events)
	require.EqualValues(t, 2, p.Counters.Drops[DropNoSide])
	require.Equal(t, peerISN.Add(1), p.table.At(i).RcvNxt)

	p = newPair(t, func(c *Config) { c.BufferMemory = 0 })
	i = p.stand()
	require.Zero(t, p.hear(i, 10, "early").Events)
	p.Pause(i)
	require.Zero(t, p.hear(i, 0, "now").Events)
	require.EqualValues(t, 2, p.Counters.Drops[DropNoBuffer])
	require.Equal(t, peerISN.Add(1), p.table.At(i).RcvNxt)
	require.False(t, p.Resume(i, p.now))
	r := p.hear(i, 0, "now")
	require.Equal(t, Data, r.Events)
	require.Equal(t, "now", string(r.Data))
}

// What could not leave for want of a next hop is timed like what was lost.
func TestUnsentComesAgain(t *testing.T) {
	p := newPair(t, nil)
	i := p.stand()
	_, err := p.WriteRequest(i, p.ids[0], p.now)
	require.NoError(t, err)
	p.Unsent(i, p.now)
	at, ok := p.Deadline(i, p.now)
	require.True(t, ok)
	p.now = at
	p.Timeout(i, p.now)
	require.Len(t, payloads(p.say(i)), 100)
}

// A SACK block that begins or ends within a segment says nothing of it.
func TestBlocksOfPartsOfSegmentsCountForNothing(t *testing.T) {
	p := newPair(t, nil)
	i := p.stand()
	_, err := p.Write(i, make([]byte, 3000), p.now)
	require.NoError(t, err)
	require.Len(t, p.say(i), 3)
	una := p.table.At(i).SndUna
	g := linklayer.Segment{Seq: peerISN.Add(1), Ack: una, Flags: linklayer.ACK, Window: 60_000}
	g.Options.Has, g.Options.SACKCount = linklayer.HasSACK, 1
	f := &p.sides.records[p.table.At(i).Side-1].send.flight
	for _, b := range []seq.Range{{Start: una.Add(1001), End: una.Add(2000)}, {Start: una.Add(1000), End: una.Add(1999)}} {
		g.Options.SACK[0] = b
		p.Step(i, &g, p.now)
		require.Zero(t, f.sacked)
	}
	g.Options.SACK[0] = seq.Range{Start: una.Add(999), End: una.Add(2001)}
	p.Step(i, &g, p.now)
	require.EqualValues(t, 1000, f.sacked)
}

// The reordering window shrinks again 16 recoveries after the last D-SACK (RFC
// 8985 §6.2 step 4).
func TestReorderingWindowShrinksAgain(t *testing.T) {
	var k rack
	k.start(0, 1000)
	k.widen(&delivery{dsack: true}, 0, 10)
	k.widen(&delivery{dsack: true}, 5, 20)
	require.EqualValues(t, 2, k.multiple, "once a round")
	k.widen(&delivery{dsack: true}, 10, 30)
	require.EqualValues(t, 3, k.multiple)
	for range reorderPersist - 1 {
		k.recovered()
		require.EqualValues(t, 3, k.multiple)
	}
	k.recovered()
	require.EqualValues(t, 1, k.multiple)
}

// An assertion that fails while what was lent is taken back says whose that
// was; the rest is taken back by the next call.
func TestEndTurnSaysWhoseItFailedAt(t *testing.T) {
	p := newPair(t, nil)
	i, ended := p.stand(), p.stand()
	for _, k := range []uint32{i, ended} {
		p.Pause(k)
		p.hear(k, 0, "held")
		require.True(t, p.Resume(k, p.now))
		require.Equal(t, "held", string(p.Held(k, p.now)))
	}
	p.Forget(ended)
	pool, inHand := p.chunks, uint32(7)
	p.chunks = nil // the next use fails
	require.Panics(t, func() { p.EndTurn(&inHand) })
	require.Equal(t, conntable.None, inHand, "its connection has ended")
	require.Panics(t, func() { p.EndTurn(&inHand) })
	require.Equal(t, i, inHand)
	p.chunks = pool
	require.NotPanics(t, func() { p.EndTurn(&inHand) }, "both are off the list")
}
