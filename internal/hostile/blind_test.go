package hostile

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/seq"
	"myriad/linklayer"
	"myriad/tcpclient"
)

// guesses is how many packets strangers off the path send.
func guesses() int {
	if testing.Short() {
		return 100_000
	}
	return 10_000_000
}

const (
	guessRate = time.Microsecond // between two packets
	guessTurn = 128              // packets a turn
)

// TestBlindGuesses: strangers who know both ends of every connection, and
// nothing of its numbers, send ten million packets: RST, SYN, data, ACKs, FIN
// and ICMP errors, with and without timestamps; to many the sequence number is
// given, too, so that only the rest protects. Nothing of it is taken, and afterwards every connection goes
// on. Both sides' numbers come from fixed seeds: the result is the same every
// time.
func TestBlindGuesses(t *testing.T) {
	b := newBlind(t)
	before, err := b.w.client.Check()
	require.NoError(t, err)
	sent := b.w.link.End(0).Fates().Sent
	b.shoot(guesses())
	require.NoError(t, b.w.wrong)
	require.Empty(t, b.w.ended, "connections ended")
	for _, p := range b.w.peers {
		require.Equal(t, b.taken[p], p.delivered, "bytes were taken on port %d", p.remote.Port())
	}
	after, err := b.w.client.Check()
	require.NoError(t, err)
	require.Equal(t, before.Connections, after.Connections)
	require.LessOrEqual(t, after.BufferBytes, before.BufferBytes, "memory that a guess took")
	require.Equal(t, before.Holes, after.Holes)
	answers := b.w.link.End(0).Fates().Sent - sent
	t.Logf("%d guesses, %d frames from us, counted %v", guesses(), answers, b.w.client.Stats().Drops)
	b.requireTried()
	b.proceed()
	require.NoError(t, b.w.close())
}

// requireTried: the guesses met what is there to be met. A twelfth of them is
// about the connections that stay in SYN-SENT, and more than half of those
// acknowledge something.
func (b *blind) requireTried() {
	drops := b.w.client.Stats().Drops
	for name, least := range map[string]int{
		"tcp_syn_sent_bad_ack":   guesses() / 30,
		"tcp_syn_sent_stray_rst": guesses() / 1000,
		"tcp_paws":               guesses() / 1000,
		"tcp_timestamp_missing":  guesses() / 1000,
		"tcp_ack_of_unsent":      guesses() / 1000,
	} {
		require.GreaterOrEqual(b.t, drops[name], uint64(least), name)
	}
}

// blind is the target and the gun.
type blind struct {
	t       *testing.T
	w       *world
	random  *rand.Rand
	peers   []*peer
	taken   map[*peer]int
	stamped map[*peer]bool // use timestamps; the peer's last is stampTaken
	syn     []*peer        // that were not answered yet
	unmet   map[*peer]bool // of those, to which no stranger sends a SYN: they stay in SYN-SENT
}

const stampTaken = 1000

// newBlind brings up connections in all states that last, half of each with
// timestamps, or in SYN-SENT unmet.
func newBlind(t *testing.T) *blind {
	w, err := newWorld(&Attack{config: tcpclient.Config{SYNRetries: 30, DataRetries: 30, TimeWait: 200 * time.Second, BufferMemory: 1 << 20, Timestamps: true}})
	require.NoError(t, err)
	b := &blind{t: t, w: w, random: rand.New(rand.NewPCG(6, 28)), taken: map[*peer]int{}, stamped: map[*peer]bool{}, unmet: map[*peer]bool{}}
	for k := range 48 {
		port := uint16(httpPort + k)
		if k%6 == 5 {
			p := w.open(port, tcpclient.Open{})
			b.peers, b.syn = append(b.peers, p), append(b.syn, p)
			b.unmet[p] = k%12 == 11
			continue
		}
		p := b.establish(port, k%12 > 5)
		b.peers = append(b.peers, p)
		switch k % 6 {
		case 1: // with data in flight
			w.write(p, 5000)
		case 2: // FIN-WAIT-2
			w.finish(p, tcpclient.Fin)
			b.deliver(p, p.segment(linklayer.ACK))
		case 3: // CLOSE-WAIT
			b.deliver(p, p.segment(linklayer.FIN|linklayer.ACK))
		case 4: // with a hole
			b.deliver(p, p.data(100, 100))
		}
		w.pass(10 * time.Millisecond)
	}
	require.NoError(t, w.wrong)
	require.Empty(t, w.ended)
	return b
}

func (b *blind) establish(port uint16, stamps bool) *peer {
	p := b.w.establish(port, tcpclient.Open{}, func(g *linklayer.Segment) {
		if stamps {
			g.Options.Has |= linklayer.HasTimestamps
			g.Options.TSVal = stampTaken
		}
	})
	b.stamped[p] = stamps
	return p
}

// deliver sends a segment of the true peer's.
func (b *blind) deliver(p *peer, g *linklayer.Segment) {
	if b.stamped[p] {
		stamp(p, g, stampTaken)
	}
	b.w.deliver(p, g)
}

func (b *blind) shoot(n int) {
	clock := b.w.link.Clock()
	for k := range n {
		b.w.link.End(1).Inject(b.guess(b.peers[b.random.IntN(len(b.peers))]))
		if k%guessTurn == guessTurn-1 {
			clock.AdvanceTo(clock.Now() + guessTurn*guessRate)
			b.w.settle()
		}
	}
	b.w.pass(10 * time.Millisecond)
}

// guess makes one packet about a connection.
func (b *blind) guess(p *peer) []byte {
	r := b.random
	switch r.IntN(10) {
	case 0:
		return b.icmp(p)
	case 1, 2, 3:
		return b.given(p)
	case 4: // another connection of the same hosts
		g := linklayer.Segment{Seq: seq.Number(r.Uint32()), Ack: seq.Number(r.Uint32()), Flags: linklayer.Flags(r.Uint32())}
		return b.w.frameFrom(p.remote, p.local, uint16(1024+r.IntN(60000)), &g)
	}
	g := linklayer.Segment{Seq: seq.Number(r.Uint32()), Ack: seq.Number(r.Uint32()), Window: uint16(r.Uint32())}
	g.Flags = []linklayer.Flags{
		linklayer.RST, linklayer.RST | linklayer.ACK, linklayer.SYN, linklayer.SYN | linklayer.ACK,
		linklayer.ACK, linklayer.ACK | linklayer.PSH, linklayer.FIN | linklayer.ACK, linklayer.Flags(r.Uint32()),
	}[r.IntN(8)]
	if g.Flags&linklayer.PSH != 0 {
		g.Payload = forged[:1+r.IntN(200)]
	}
	return b.frame(p, &g)
}

// frame gives most of the guesses a timestamp, of the past or the future, and
// keeps SYNs from who is to meet none.
func (b *blind) frame(p *peer, g *linklayer.Segment) []byte {
	if b.random.IntN(4) != 0 {
		stamp(p, g, b.random.Uint32())
	}
	if b.unmet[p] && g.Flags&linklayer.SYN != 0 {
		g.Flags |= linklayer.ACK
	}
	return b.w.frame(p, g)
}

var forged [1400]byte

// given is a packet whose sender has the window by luck: a RST that is not at
// RCV.NXT, a SYN, or data, in the window, at its left edge or just before it,
// whose acknowledgement is a guess, or missing.
func (b *blind) given(p *peer) []byte {
	r := b.random
	if b.unanswered(p) { // no sequence number to guess: an acknowledgement, and not the right one
		g := linklayer.Segment{Seq: seq.Number(r.Uint32()), Ack: p.iss.Add(2 + r.IntN(1<<31-3))}
		g.Flags = linklayer.ACK | []linklayer.Flags{0, linklayer.RST, linklayer.SYN, linklayer.FIN}[r.IntN(4)]
		return b.frame(p, &g)
	}
	g := linklayer.Segment{Seq: p.ack.Add(1 + r.IntN(60_000)), Ack: seq.Number(r.Uint32()), Window: uint16(r.Uint32())}
	switch r.IntN(4) {
	case 0:
		g.Flags = linklayer.RST | linklayer.Flags(r.Uint32())&linklayer.ACK
	case 1:
		g.Flags = linklayer.SYN | linklayer.Flags(r.Uint32())&linklayer.ACK
	case 2: // an ACK of what was not sent, or is too old
		g.Flags = linklayer.ACK | linklayer.Flags(r.Uint32())&(linklayer.PSH|linklayer.FIN)
		g.Ack = p.nxt.Add(1 + r.IntN(1<<31-1<<24))
		g.Payload = forged[:r.IntN(1400)]
	default: // the same, or none, where RCV.NXT is
		g.Flags = linklayer.Flags(r.Uint32()) & linklayer.ACK
		g.Ack = p.nxt.Add(1 + r.IntN(1<<31-1<<24))
		g.Payload = forged[:r.IntN(1400)]
		g.Seq = p.ack.Add(-r.IntN(700))
	}
	return b.frame(p, &g)
}

func (b *blind) unanswered(p *peer) bool {
	for _, s := range b.syn {
		if s == p {
			return true
		}
	}
	return false
}

// icmp is an error of any kind about a segment with any number but those in
// flight.
func (b *blind) icmp(p *peer) []byte {
	r := b.random
	quoted := p.nxt.Add(r.IntN(1<<31 - 1))
	if r.IntN(2) == 0 {
		quoted = p.iss.Add(-1 - r.IntN(1<<30))
	}
	kind := []uint8{linklayer.ICMPUnreachable, linklayer.ICMPUnreachable, linklayer.ICMPSourceQuench, linklayer.ICMPRedirect, 11, 12}[r.IntN(6)]
	return quoteSegment(netip.AddrFrom16(p.local).Unmap(), p.remote, p.port, kind, uint8(r.IntN(16)), uint16(r.Uint32()), quoted)
}

// proceed has every connection do what is left for it to do.
func (b *blind) proceed() {
	w := b.w
	for _, p := range b.syn {
		g := linklayer.Segment{Flags: linklayer.SYN | linklayer.ACK, Seq: irs, Ack: p.iss + 1, Window: 65535}
		w.deliver(p, &g)
		w.pass(10 * time.Millisecond)
	}
	for k, p := range b.peers {
		if k%6 == 3 { // the peer has closed: ours is left
			at := p.nxt
			w.write(p, 1000)
			require.Equal(b.t, at.Add(1000), p.nxt, "port %d", p.remote.Port())
			continue
		}
		before := p.delivered
		b.deliver(p, p.data(0, 100))
		w.pass(100 * time.Millisecond)
		want := 100
		if k%6 == 4 {
			want = 200 // with what lay beyond the hole
		}
		require.Equal(b.t, before+want, p.delivered, "port %d", p.remote.Port())
	}
	require.Empty(b.t, w.ended)
	require.NoError(b.t, w.wrong)
}
