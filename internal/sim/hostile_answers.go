package sim

import (
	"time"

	"myriad/linklayer"
)

// greeting is how a hostile peer answers a SYN.
type greeting struct {
	name   string
	answer func(h *hostile)
}

// synACK is the answer that a connection comes of.
func (h *hostile) synACK(options ...byte) *segment {
	return &segment{
		seq: h.iss, ack: h.irs + 1, flags: linklayer.SYN | linklayer.ACK, window: h.window, options: options,
	}
}

// usualOptions: MSS 1,460, SACK permitted, window scale 2.
var usualOptions = []byte{2, 4, 5, 180, 4, 2, 1, 3, 3, 2}

func answerPlain(h *hostile) { h.send(h.synACK(usualOptions...)) }

func answerNothing(*hostile) {}

func answerRefuse(h *hostile) {
	h.send(&segment{ack: h.irs + 1, flags: linklayer.RST | linklayer.ACK})
}

// answerStale answers with ACKs that were never asked for, RSTs that
// acknowledge the wrong number, and then properly.
func answerStale(h *hostile) {
	for range 1 + h.random.IntN(5) {
		g := h.synACK()
		g.ack = h.irs.Add(h.random.IntN(2000) - 1000)
		if g.ack == h.irs+1 {
			g.ack = h.irs
		}
		switch h.random.IntN(4) {
		case 0:
			g.flags = linklayer.ACK
		case 1:
			g.flags = linklayer.RST | linklayer.ACK
		case 2:
			g.flags = linklayer.RST
		}
		h.sendFalse(g)
	}
	h.send(h.synACK(usualOptions...))
}

// answerSYN is a simultaneous open: a SYN, and only later its ACK.
func answerSYN(h *hostile) {
	g := h.synACK(usualOptions...)
	g.flags, g.ack = linklayer.SYN, 0
	h.send(g)
	if h.random.IntN(2) == 0 {
		h.send(h.synACK(usualOptions...))
	}
}

// answerMSS announces 0 to 48 bytes.
func answerMSS(h *hostile) {
	h.send(h.synACK(2, 4, 0, byte(h.random.IntN(49))))
}

// answerEarly has data, and perhaps FIN, on the SYN-ACK.
func answerEarly(h *hostile) {
	g := h.synACK(usualOptions...)
	g.payload = h.plan.down.at(0, min(h.random.IntN(100), h.plan.total))
	if len(g.payload) == h.plan.total || h.random.IntN(4) == 0 {
		g.flags |= linklayer.FIN
	}
	h.send(g)
}

// answerHuge fills the header with 40 bytes of options, some without sense.
func answerHuge(h *hostile) {
	o := make([]byte, 40)
	switch h.random.IntN(4) {
	case 0: // random
		for k := range o {
			o[k] = byte(h.random.Uint32())
		}
	case 1: // one that is longer than the header
		copy(o, []byte{2, 4, 5, 180, 30, 255})
	case 2: // a length of 0 or 1, which does not move on
		copy(o, []byte{2, 4, 5, 180, 30, byte(h.random.IntN(2))})
	case 3: // the usual ones behind much that is unknown
		copy(o, []byte{77, 20})
		copy(o[20:], append(usualOptions, 8, 10))
	}
	h.send(h.synACK(o...))
}

// answerScale offers a window scale beyond 14, and more than once.
func answerScale(h *hostile) {
	h.send(h.synACK(2, 4, 5, 180, 3, 3, byte(h.random.IntN(256)), 3, 3, 255))
}

// answerTwice sends another SYN-ACK once the connection stands.
func answerTwice(h *hostile) {
	h.send(h.synACK(usualOptions...))
	h.net.clock.After(time.Second, func() {
		g := h.synACK(usualOptions...)
		g.seq = h.near(g.seq, 70_000)
		h.send(g)
	})
}

// answerStamps takes timestamps, asked or not.
func answerStamps(h *hostile) {
	h.send(h.synACK(append(usualOptions, 1, 1, 8, 10, 0, 0, 0, 9, byte(h.random.Uint32()), 0, 0, 0)...))
}

// answers are all of them; the plain one comes first, and is as frequent as a
// third of them together.
var answers = []greeting{
	{"plainly", answerPlain}, {"with silence", answerNothing}, {"with a refusal", answerRefuse},
	{"with stale ACKs", answerStale}, {"with a SYN", answerSYN}, {"with a tiny MSS", answerMSS},
	{"with data and FIN", answerEarly}, {"with a full header of options", answerHuge},
	{"with strange window scales", answerScale}, {"twice", answerTwice}, {"with timestamps", answerStamps},
}
