package hostile

import (
	"fmt"

	"myriad/internal/seq"
	"myriad/linklayer"
	"myriad/tcpclient"
)

const httpPort = 80

// standing brings one plain connection up.
func standing(w *world) { w.establish(httpPort, tcpclient.Open{}) }

// sending brings one up that has n bytes to send, to a peer that announces a
// window and an MSS.
func sending(n int, window, mss uint16) func(*world) {
	return func(w *world) {
		p := w.establish(httpPort, tcpclient.Open{}, func(g *linklayer.Segment) {
			g.Window, g.Options.MSS = window, mss
		})
		w.write(p, n)
	}
}

// tiny brings one up that has 100,000 bytes to send, to a peer that has never
// offered more than one byte.
func tiny(w *world) {
	p := w.establish(httpPort, tcpclient.Open{}, func(g *linklayer.Segment) {
		g.Window = 1
		g.Options.Has &^= linklayer.HasWindowScale
	})
	w.write(p, 100_000)
}

func windowAttacks() []Attack {
	return []Attack{
		{
			Name: "tiny window", What: "takes one byte at a time, with a window of one byte", setup: tiny,
			Bound: "a byte for each ACK, never two in flight, and without an ACK only what the timer sends again. Not one a persist interval: with nothing in flight a window is used however small, as RFC 9293 §3.8.6.2.1 has it where the peer never offered more (where it did, we do so too, and the RFC would wait); each byte costs the peer a packet, and Open.Timeout ends it", Where: "handshake/output.go mayFlow",
			packet: func(w *world, _ int) {
				g := w.first.segment(linklayer.ACK)
				g.Window = 1
				w.hit(w.first, g)
			},
			check: func(w *world, n int) error { // the first left before the attack
				p := w.first
				if sent := p.nxt.Since(p.iss + 1); sent != n+1 || p.fresh != sent {
					return fmt.Errorf("%d bytes in %d segments for %d ACKs", sent, p.fresh, n)
				}
				return nil
			},
		},
		{
			Name: "closed window", What: "answers every probe, and never opens its window", setup: sending(100_000, 0, 1460),
			Bound: "probes back off to one a minute; the application's Timeout ends it, and 60 s once it has left", Where: "handshake/timer.go retransmissionTimeout, abandoned",
			packet: func(w *world, _ int) {
				g := w.first.segment(linklayer.ACK)
				g.Window, g.Ack = 0, w.first.iss+1
				w.hit(w.first, g)
			},
		},
		{
			Name: "flapping window", What: "opens and closes its window with every ACK, and takes nothing", setup: sending(100_000, 65535, 1460),
			Bound: "an opening has the first segment in flight sent again, no more: the rest is loss recovery's", Where: "handshake/sender.go senderACK",
			packet: func(w *world, k int) {
				g := w.first.segment(linklayer.ACK)
				g.Window, g.Ack = uint16(512*(k&1)), w.first.iss+1
				w.hit(w.first, g)
			},
		},
		{
			Name: "optimistic ACKs", What: "acknowledges what was never sent", setup: sending(100_000, 65535, 1460),
			Bound: "not taken, nor the data with it; a challenge ACK in 500 ms. It ends nothing: a stranger could have sent it (RFC 5961 §5)", Where: "handshake/ack.go acknowledge",
			check: counts("tcp_ack_of_unsent"),
			packet: func(w *world, k int) {
				g := w.first.segment(linklayer.ACK)
				g.Ack = g.Ack.Add(1 + k*1000%1_000_000)
				w.hit(w.first, g)
			},
		},
		{
			Name: "old ACKs", What: "acknowledges what is long past", setup: sending(100_000, 65535, 1460),
			Bound: "a challenge ACK in 500 ms", Where: "handshake/ack.go acknowledge",
			check: counts("tcp_ack_too_old"),
			packet: func(w *world, k int) {
				g := w.first.segment(linklayer.ACK)
				g.Ack = w.first.iss.Add(-100_000_000 - k)
				w.hit(w.first, g)
			},
		},
	}
}

func sackAttacks() []Attack {
	return []Attack{
		{
			Name: "SACK storm", What: "SACKs four scattered blocks of a long flight in each ACK", setup: flying(1460),
			Bound: "four blocks an ACK; found by halving, marked 32 segments at a time", Where: "handshake/rack.go takeBlock, flight.go find",
			packet: func(w *world, k int) {
				w.hit(w.first, withSACK(w.first, func(n int) seq.Range {
					at := w.first.iss.Add(1 + 3000 + (k*4+n)*2920%200_000)
					return seq.Range{Start: at, End: at.Add(1460)}
				}))
			},
		},
		{
			Name: "SACK of one byte", What: "SACKs single bytes", setup: flying(1460),
			Bound: "a segment counts as a whole or not at all; nothing is split", Where: "handshake/rack.go takeBlock",
			packet: func(w *world, k int) {
				w.hit(w.first, withSACK(w.first, func(n int) seq.Range {
					at := w.first.iss.Add(1 + 3000 + (k*4+n)*7%200_000)
					return seq.Range{Start: at, End: at.Add(1)}
				}))
			},
		},
		{
			Name: "SACK of everything and nothing", What: "SACKs all but the first segment, with an MSS of 0, so that a flight has thousands", setup: flying(0),
			Bound: "MSS at least 48; marked 32 segments at a time", Where: "handshake/synsent.go negotiate, rack.go takeBlock",
			packet: func(w *world, k int) {
				w.hit(w.first, withSACK(w.first, func(n int) seq.Range {
					return seq.Range{Start: w.first.iss.Add(49 + k%2000), End: w.first.nxt}
				}))
			},
		},
		{
			Name: "SACK outside", What: "SACKs what was never sent, or is acknowledged, or ends before it begins", setup: flying(1460),
			Bound: "ignored", Where: "handshake/rack.go takeSACK",
			packet: func(w *world, k int) {
				w.hit(w.first, withSACK(w.first, func(n int) seq.Range {
					at := w.first.iss.Add(-1_000_000 * (n + 1) * (1 - 2*(k&1)))
					return seq.Range{Start: at, End: at.Add(1000 * (n - 2))}
				}))
			},
		},
		{
			Name: "D-SACK storm", What: "reports everything as received twice", setup: flying(1460),
			Bound: "widens the reordering window once a round, to a round trip at most", Where: "handshake/rack.go widen",
			packet: func(w *world, k int) {
				w.hit(w.first, withSACK(w.first, func(n int) seq.Range {
					return seq.Range{Start: w.first.iss - 1000, End: w.first.iss}
				}))
			},
		},
	}
}

// flying brings up a connection with 250,000 bytes in flight, to a peer with an
// MSS: all that was sent before was acknowledged, until the congestion window
// was wide.
func flying(mss uint16) func(*world) {
	return func(w *world) {
		sending(16_000, 65535, mss)(w)
		p := w.first
		for range 40 {
			w.takeAll(p)
			w.write(p, 16_000)
		}
		w.takeAll(p)
		p.iss = p.nxt - 1 // what lies before is acknowledged
		w.write(p, 250_000)
	}
}

// takeAll acknowledges until nothing is left to be sent.
func (w *world) takeAll(p *peer) {
	for before := p.nxt - 1; before != p.nxt; {
		before = p.nxt
		w.deliver(p, p.segment(linklayer.ACK))
		w.pass(10_000_000)
	}
}

// withSACK is an ACK of nothing new with four blocks.
func withSACK(p *peer, block func(n int) seq.Range) *linklayer.Segment {
	g := p.segment(linklayer.ACK)
	g.Ack = p.iss + 1
	g.Options.Has, g.Options.SACKCount = linklayer.HasSACK, len(g.Options.SACK)
	for n := range g.Options.SACK {
		g.Options.SACK[n] = block(n)
	}
	return g
}
