package sim

import (
	"math/rand/v2"
	"time"

	"myriad/internal/seq"
	"myriad/linklayer"
)

// hostile is a peer that may send anything. It keeps to two things alone, so
// that what the client makes of it can be judged: byte k of its stream is one
// of two, the stream's own or its opposite; and it notes each RST, FIN and
// ICMP error that it sends.
type hostile struct {
	net    *network
	random *rand.Rand
	plan   *hostilePlan
	did    truth
	ends   ends
	heard  bool // a SYN
	stands bool // the client has taken our ISS

	iss, irs seq.Number // ours, the client's
	rcvNxt   seq.Number // after what the client has sent in order
	sent     int        // offset after the furthest byte of ours that was honest
	acked    int        // what the client acknowledged
	edge     int        // its window's right edge, as an offset
	shift    uint8
	window   uint16 // that we tell
	left     int    // segments it may still send …
	ticks    int    // … and times it may still act unasked
	ticking  bool
	played   int // tricks
}

// hostilePlan is what a hostile peer does.
type hostilePlan struct {
	iss    seq.Number
	down   stream
	total  int
	answer greeting
	tricks []trick
	honest float64 // how often it does what a server would
	every  time.Duration
	budget int
}

func newHostile(n *network, plan *hostilePlan, seed uint64) *hostile {
	return &hostile{
		net: n, plan: plan, random: rand.New(rand.NewPCG(seed, 3)), iss: plan.iss,
		window: 65535, left: plan.budget, ticks: plan.budget, did: truth{fins: map[int]bool{}, resets: map[int]bool{}},
	}
}

func (h *hostile) truth() *truth { return &h.did }

func (h *hostile) hear(p *linklayer.Packet, _ time.Duration) {
	g := &p.Segment
	if !h.heard {
		if g.Flags&linklayer.SYN == 0 {
			return
		}
		h.heard, h.irs, h.rcvNxt = true, g.Seq, g.Seq+1
		if g.Options.Has&linklayer.HasWindowScale != 0 {
			h.shift = g.Options.WindowScale
		}
		h.edge = int(g.Window)
		h.ends.of(p)
	}
	if g.Flags&linklayer.SYN != 0 {
		h.plan.answer.answer(h)
		h.tick()
		return
	}
	if g.Flags&linklayer.ACK != 0 {
		// A bare ACK may be the answer to what came before the handshake's end.
		h.stands = h.stands || g.Len() > 0 && g.Ack.In(h.iss+1, 1<<24)
		if n := g.Ack.Since(h.iss + 1); n > h.acked && n < 1<<24 {
			h.acked = n
		}
		h.edge = max(h.edge, h.acked+int(g.Window)<<h.shift)
	}
	if at := g.Seq.Since(h.rcvNxt); at <= 0 && at+g.Len() > 0 {
		h.rcvNxt = h.rcvNxt.Add(at + g.Len())
	}
	h.act()
}

// tick has it act now and then without being asked.
func (h *hostile) tick() {
	if h.ticks--; h.ticking || h.ticks < 0 {
		return
	}
	h.ticking = true
	h.net.clock.After(1+time.Duration(h.random.Int64N(int64(h.plan.every))), func() {
		h.ticking = false
		h.act()
		if h.left > 0 {
			h.tick()
		}
	})
}

func (h *hostile) act() {
	if h.random.Float64() < h.plan.honest {
		h.serve()
	}
	if len(h.plan.tricks) > 0 && h.random.IntN(3) > 0 {
		h.plan.tricks[h.random.IntN(len(h.plan.tricks))].play(h)
		h.played++
	}
}

// send sends a segment as long as the budget lasts, and notes what the truth
// needs.
func (h *hostile) send(g *segment) {
	if h.left--; h.left < 0 || g.flags&linklayer.SYN != 0 && g.seq != h.iss && !h.stands {
		return // another ISS would be another stream
	}
	if g.flags&linklayer.RST != 0 {
		h.did.resets[g.seq.Since(h.iss+1)] = true
		h.did.refused = h.did.refused || g.flags&linklayer.ACK != 0 && g.ack == h.irs+1
	}
	if g.flags&linklayer.FIN != 0 {
		at := g.seq.Since(h.iss+1) + len(g.payload)
		if g.flags&linklayer.SYN != 0 {
			at++
		}
		h.did.fins[at] = true
	}
	if g.flags&linklayer.SYN != 0 {
		h.did.answered = true
	}
	h.net.send(&h.ends, g)
}

// sendFalse sends a segment that the client must not believe: no RST of these
// is a reason for an end.
func (h *hostile) sendFalse(g *segment) {
	if h.left--; h.left >= 0 {
		h.net.send(&h.ends, g)
	}
}

// at is the sequence number of an offset of our stream.
func (h *hostile) at(offset int) seq.Number { return h.iss.Add(1 + offset) }

func (h *hostile) empty(flags linklayer.Flags) *segment {
	return &segment{seq: h.at(h.sent), ack: h.rcvNxt, flags: flags, window: h.window}
}

// data is a segment with n bytes of the stream from an offset on, or as many
// as it has.
func (h *hostile) data(offset, n int) *segment {
	n = max(min(n, h.plan.total-offset), 0)
	return &segment{
		seq: h.at(offset), ack: h.rcvNxt, flags: linklayer.ACK, window: h.window,
		payload: h.plan.down.at(max(offset, 0), n),
	}
}

// serve goes on as a server would: what was not acknowledged again, then new
// bytes, then FIN.
func (h *hostile) serve() {
	start := h.sent
	if h.acked < h.sent && h.random.IntN(3) == 0 {
		start = h.acked
	}
	start = min(start, h.plan.total)
	g := h.data(start, min(1+h.random.IntN(1400), max(h.edge-start, 0)))
	end := start + len(g.payload)
	if end == h.plan.total {
		g.flags |= linklayer.FIN
	}
	h.sent = max(h.sent, end)
	h.send(g)
}
