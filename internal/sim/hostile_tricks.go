package sim

import (
	"encoding/binary"

	"myriad/internal/seq"
	"myriad/linklayer"
)

// trick is one thing that a hostile peer does to a connection.
type trick struct {
	name string
	play func(h *hostile)
}

// tricks are all of them.
var tricks = []trick{
	{"lies about its window", lieOfWindow}, {"shrinks its window", shrinkWindow},
	{"closes its window for ever", closeWindow}, {"takes a byte at a time", tarpit},
	{"SACKs nonsense", sackNonsense}, {"sends 1-byte segments", tiny},
	{"overlaps with different bytes", overlap}, {"overlaps beyond a hole", overlapAhead},
	{"sends beyond our window", beyondWindow},
	{"floods RSTs", floodRST}, {"sends the one RST that counts", exactRST},
	{"floods SYNs to be challenged", floodSYN}, {"floods challenge ACKs", floodACKs},
	{"acknowledges what was not sent", unsentACK}, {"acknowledges parts of segments", partialACK},
	{"acknowledges nothing more", forgetACK},
	{"splits its FIN across a hole", splitFIN}, {"ends in two places", finElsewhere},
	{"sends after its FIN", afterFIN}, {"goes on from the middle of what was sent", halfway},
	{"sends urgent data", urgent}, {"sends every combination of flags", oddFlags},
	{"sends strange options", strangeOptions}, {"sends ICMP errors", sendICMP},
	{"sends duplicates", duplicates}, {"begins again", repeatOld},
}

// near is a number at most span away from n.
func (h *hostile) near(n seq.Number, span int) seq.Number {
	return n.Add(h.random.IntN(2*span+1) - span)
}

func lieOfWindow(h *hostile) {
	h.window = uint16(h.random.Uint32())
	h.send(h.empty(linklayer.ACK))
}

// shrinkWindow takes back what was offered.
func shrinkWindow(h *hostile) {
	h.window /= 2
	g := h.empty(linklayer.ACK)
	g.ack = h.irs + 1
	h.send(g)
}

// closeWindow keeps it at zero for ever.
func closeWindow(h *hostile) {
	h.window = 0
	h.send(h.empty(linklayer.ACK))
}

// tarpit takes a byte at a time.
func tarpit(h *hostile) {
	h.window = 1
	h.send(h.empty(linklayer.ACK))
}

func sackNonsense(h *hostile) {
	blocks := 1 + h.random.IntN(4)
	o := []byte{1, 1, 5, byte(2 + 8*blocks)}
	for range 2 * blocks {
		n := h.near(h.rcvNxt, 3000)
		if h.random.IntN(3) == 0 {
			n = seq.Number(h.random.Uint32())
		}
		o = binary.BigEndian.AppendUint32(o, uint32(n))
	}
	g := h.empty(linklayer.ACK)
	g.options = o
	if h.random.IntN(2) == 0 {
		g.ack = h.near(h.rcvNxt, 1500)
	}
	h.send(g)
}

// tiny sends single bytes, every second one first.
func tiny(h *hostile) {
	start := min(h.acked, h.plan.total)
	for k := range 20 {
		h.send(h.data(start+(k*2)%20+k/10, 1))
	}
	h.sent = max(h.sent, min(start+20, h.plan.total))
}

// overlap sends bytes again that differ from what they were.
func overlap(h *hostile) {
	start := max(h.acked-h.random.IntN(300), 0)
	g := h.data(start, 1+h.random.IntN(1000))
	g.payload = h.plan.down.lie(start, len(g.payload))
	h.send(g)
}

// overlapAhead does so with bytes beyond a hole.
func overlapAhead(h *hostile) {
	start := h.acked + 1 + h.random.IntN(2000)
	for range 3 {
		h.send(h.data(start+h.random.IntN(500), 1+h.random.IntN(1000)))
		g := h.data(start, 1+h.random.IntN(1000))
		g.payload = h.plan.down.lie(start, len(g.payload))
		h.send(g)
	}
}

// beyondWindow sends what the client has no room for.
func beyondWindow(h *hostile) {
	for _, offset := range []int{h.edge - 100, h.edge, h.edge + 1000, h.acked + 1<<20} {
		h.send(h.data(max(offset, 0), 700))
	}
}

// floodRST guesses around the number that would do.
func floodRST(h *hostile) {
	for range 20 {
		g := h.empty(linklayer.RST)
		g.seq = h.near(h.at(h.acked), 70_000)
		h.send(g)
	}
}

func exactRST(h *hostile) {
	if h.random.IntN(20) == 0 {
		g := h.empty(linklayer.RST)
		g.seq = h.at(h.acked)
		h.send(g)
	}
}

func floodSYN(h *hostile) {
	for range 10 {
		g := h.empty(linklayer.SYN | linklayer.Flags(h.random.IntN(2))*linklayer.ACK)
		g.seq = h.near(h.at(h.acked), 70_000)
		h.send(g)
	}
}

// floodACKs are ACKs of the same, and of what is long past.
func floodACKs(h *hostile) {
	for range 10 {
		g := h.empty(linklayer.ACK)
		if h.random.IntN(2) == 0 {
			g.ack = h.near(h.irs, 100_000)
		}
		h.send(g)
	}
}

func unsentACK(h *hostile) {
	g := h.data(h.sent, 100)
	g.ack = h.rcvNxt.Add(1 + h.random.IntN(100_000))
	h.send(g)
}

// partialACK acknowledges a part of a segment.
func partialACK(h *hostile) {
	g := h.empty(linklayer.ACK)
	g.ack = h.rcvNxt.Add(-h.random.IntN(1500))
	h.send(g)
}

// forgetACK acknowledges nothing more than the SYN, whatever it heard.
func forgetACK(h *hostile) { h.rcvNxt = h.irs + 1 }

// splitFIN sends FIN first, and what comes before it later.
func splitFIN(h *hostile) {
	start := min(h.acked, h.plan.total)
	middle := start + (h.plan.total-start)/2
	g := h.data(middle, 1000)
	if middle+len(g.payload) == h.plan.total {
		g.flags |= linklayer.FIN
	}
	h.send(g)
	h.send(h.data(start, min(1000, middle-start)))
	h.sent = max(h.sent, start)
}

// finElsewhere ends the stream in two places.
func finElsewhere(h *hostile) {
	if h.random.IntN(10) == 0 {
		g := h.data(h.acked+h.random.IntN(500), h.random.IntN(500))
		g.flags |= linklayer.FIN
		h.send(g)
	}
}

// afterFIN sends on where it has ended.
func afterFIN(h *hostile) {
	past := h.random.IntN(3)
	g := h.empty(linklayer.ACK)
	g.seq, g.payload = h.at(h.plan.total+past), h.plan.down.at(h.plan.total+past, 100)
	h.send(g)
}

// halfway goes on with a segment that begins before what the client has.
func halfway(h *hostile) {
	start := max(h.acked-h.random.IntN(1000), 0)
	g := h.data(start, 1400)
	h.sent = max(h.sent, start+len(g.payload))
	h.send(g)
}

func urgent(h *hostile) {
	g := h.data(min(h.acked, h.plan.total), 100)
	g.flags |= linklayer.URG
	g.urgent = uint16(h.random.Uint32())
	h.send(g)
}

// oddFlags sends every combination, but for RST, which has tricks of its own.
func oddFlags(h *hostile) {
	g := h.empty(linklayer.Flags(h.random.Uint32()) &^ linklayer.RST)
	if h.random.IntN(2) == 0 {
		g.flags &^= linklayer.FIN
	}
	h.send(g)
}

func strangeOptions(h *hostile) {
	g := h.data(min(h.acked, h.plan.total), 200)
	g.options = make([]byte, 4*h.random.IntN(11))
	for k := range g.options {
		g.options[k] = byte(h.random.Uint32())
	}
	h.send(g)
}

func sendICMP(h *hostile) {
	quoted := h.near(h.rcvNxt, 1500)
	if h.left--; h.left < 0 {
		return
	}
	switch h.random.IntN(3) {
	case 0:
		h.net.sendICMP(&h.ends, linklayer.ICMPUnreachable, linklayer.ICMPFragmentationNeeded, uint16(h.random.IntN(1500)), quoted)
	default:
		h.did.icmp = true
		h.net.sendICMP(&h.ends, linklayer.ICMPUnreachable, uint8(h.random.IntN(16)), 0, quoted)
	}
}

// duplicates sends the same segment many times.
func duplicates(h *hostile) {
	g := h.data(min(h.acked, h.plan.total), 300)
	h.sent = max(h.sent, min(h.acked, h.plan.total)+len(g.payload))
	for range 8 {
		h.send(g)
	}
}

// repeatOld sends from the stream's start again.
func repeatOld(h *hostile) {
	for k := range 5 {
		h.send(h.data(k*500, 500))
	}
}
