package hostile

import (
	"time"

	"myriad/internal/seq"
	"myriad/linklayer"
	"myriad/tcpclient"
)

func blindAttacks() []Attack {
	return []Attack{
		{
			Name: "RSTs in the window", What: "RST at every number but the next expected one", setup: standing,
			Bound: "only RCV.NXT resets (RFC 5961 §3); a challenge ACK in 500 ms", Where: "handshake/step.go resetOrSYN",
			check: counts("tcp_rst_challenged"),
			packet: func(w *world, k int) {
				g := w.first.segment(linklayer.RST)
				g.Seq = g.Seq.Add(1 + k*13%65_000)
				w.hit(w.first, g)
			},
		},
		{
			Name: "RSTs outside", What: "RST anywhere else", setup: standing, Bound: "dropped", Where: "handshake/step.go unacceptable",
			check: counts("tcp_rst_out_of_window"),
			packet: func(w *world, k int) {
				g := w.first.segment(linklayer.RST)
				g.Seq = g.Seq.Add(-1 - k*1_000_003%1_000_000_000)
				w.hit(w.first, g)
			},
		},
		{
			Name: "SYNs", What: "SYN and SYN-ACK on a connection that stands, as when our ACK was lost", setup: standing,
			Bound: "a challenge ACK in 500 ms (RFC 5961 §4)", Where: "handshake/challenge.go",
			check: counts("tcp_syn_challenged"),
			packet: func(w *world, k int) {
				g := w.first.segment(linklayer.SYN | linklayer.Flags(k&1)*linklayer.ACK)
				g.Seq = irs.Add(k / 2 * 31)
				w.hit(w.first, g)
			},
		},
		{
			Name: "ACK loop", What: "bare ACKs from outside the window, as of two ends that are out of step", setup: standing,
			Bound: "one ACK in 500 ms", Where: "handshake/step.go unacceptable",
			check: counts("tcp_out_of_window"),
			packet: func(w *world, k int) {
				g := w.first.segment(linklayer.ACK)
				g.Seq = g.Seq.Add(1_000_000 + k)
				w.hit(w.first, g)
			},
		},
		{
			Name: "old timestamps", What: "data with timestamps of yesterday", setup: stamped,
			config: tcpclient.Config{Timestamps: true},
			Bound:  "dropped; an ACK in 500 ms, within the limit of challenge ACKs", Where: "handshake/stamps.go paws",
			check: counts("tcp_paws"),
			packet: func(w *world, k int) {
				g := w.first.data(0, 100)
				stamp(w.first, g, 1000-uint32(k)-1)
				w.hit(w.first, g)
			},
		},
		{
			Name: "timestamps of the future", What: "data over RCV.NXT with timestamps far ahead, and an ACK that is a guess", setup: stamped,
			config: tcpclient.Config{Timestamps: true},
			Bound:  "not remembered beside an ACK of what was not sent; a challenge ACK in 500 ms", Where: "handshake/stamps.go takeStamp",
			check: counts("tcp_ack_of_unsent"),
			packet: func(w *world, k int) {
				g := w.first.data(-50, 100)
				g.Ack = w.first.nxt.Add(1 + k*31)
				stamp(w.first, g, 1000+1<<30)
				w.hit(w.first, g)
			},
		},
		{
			Name: "echoes never sent", What: "ACKs that echo timestamps of the future and the past", setup: stamped,
			config: tcpclient.Config{Timestamps: true},
			Bound:  "echoes are not read at all: round trips are taken from our own notes; the timeout stays within RTOMin and 60 s", Where: "handshake/sender.go sampleRTT",
			packet: func(w *world, k int) {
				g := w.first.segment(linklayer.ACK)
				stamp(w.first, g, 1000)
				g.Options.TSEcr = uint32(k) * 2654435761
				w.hit(w.first, g)
			},
		},
		{
			Name: "wrong answers to a SYN", What: "SYN-ACKs and RSTs that acknowledge another number", gap: 100_000,
			setup: func(w *world) { w.open(httpPort, tcpclient.Open{}) }, sooner: 1,
			Bound: "a RST for each that is not one, 10,000 a second; one SYN at once, counted as a retry: the number of SYNs does not depend on the peer", Where: "handshake/synsent.go staleACK",
			check: func(w *world, _ int) error { // the true answer still counts
				w.deliver(w.first, &linklayer.Segment{Flags: linklayer.SYN | linklayer.ACK, Seq: irs, Ack: w.first.iss + 1, Window: 65535})
				w.pass(100 * time.Millisecond)
				return nil
			},
			packet: func(w *world, k int) {
				flags := []linklayer.Flags{linklayer.SYN | linklayer.ACK, linklayer.RST | linklayer.ACK, linklayer.ACK, linklayer.RST}[k%4]
				g := &linklayer.Segment{Flags: flags, Seq: irs.Add(k), Ack: w.first.iss.Add(2 + k), Window: 65535}
				w.hit(w.first, g)
			},
		},
		{
			Name: "unreachable", What: "ICMP errors about what is not in flight", setup: standing,
			Bound: "dropped; what stands survives all of them (RFC 5927)", Where: "handshake/close.go Unreachable",
			check: counts("icmp_unmatched"),
			packet: func(w *world, k int) {
				w.hitFrame(aboutSegment(w.first, linklayer.ICMPUnreachable, uint8(k%16), 0, w.first.nxt.Add(1+k)))
			},
		},
	}
}

// stamped brings up a connection with timestamps, of which the last was 1000.
func stamped(w *world) {
	w.establish(httpPort, tcpclient.Open{}, func(g *linklayer.Segment) {
		g.Options.Has |= linklayer.HasTimestamps
		g.Options.TSVal = 1000
	})
	w.write(w.first, 100)
	w.attack.stamp = 1000
}

func stamp(p *peer, g *linklayer.Segment, value uint32) {
	g.Options.Has |= linklayer.HasTimestamps
	g.Options.TSVal, g.Options.TSEcr = value, p.stamp
}

func pathAttacks() []Attack {
	return []Attack{
		{
			Name: "path MTU countdown", What: "fragmentation needed, a byte less each time, about what is in flight", setup: sending(10_000, 65535, 1460), sooner: 7,
			Bound: "the flight is sent again, smaller; one cut a round trip, eight and then the floor of 552; tried again after 10 minutes", Where: "handshake/path.go LowerMSS",
			packet: func(w *world, k int) {
				w.hitFrame(aboutSegment(w.first, linklayer.ICMPUnreachable, linklayer.ICMPFragmentationNeeded, uint16(max(1490-k, 68)), w.first.iss+1))
			},
		},
		{
			Name: "path MTU of nothing", What: "fragmentation needed about what is not in flight", setup: sending(10_000, 65535, 1460),
			Bound: "dropped", Where: "handshake/path.go LowerMSS", check: counts("icmp_unmatched"),
			packet: func(w *world, k int) {
				w.hitFrame(aboutSegment(w.first, linklayer.ICMPUnreachable, linklayer.ICMPFragmentationNeeded, 68, w.first.iss.Add(1_000_000+k)))
			},
		},
		{
			Name: "redirects and quenches", What: "ICMP redirect and source quench about what is in flight", setup: sending(10_000, 65535, 1460),
			Bound: "ignored", Where: "tcpclient/worker_control.go icmpFor",
			packet: func(w *world, k int) {
				kind := []uint8{linklayer.ICMPRedirect, linklayer.ICMPSourceQuench}[k%2]
				w.hitFrame(aboutSegment(w.first, kind, 0, 0, seq.Number(w.first.iss+1)))
			},
		},
	}
}
