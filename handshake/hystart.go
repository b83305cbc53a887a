package handshake

import "myriad/internal/seq"

// hystart ends slow start when round trips get longer, before something is lost
// (HyStart++, RFC 9406). Times are in µs.
type hystart struct {
	roundEnd          seq.Number
	last, now         uint32 // least round trip of the last round and of this one; 0 = none
	baseline          uint32 // of now, when conservative slow start began
	samples           uint8
	rounds            uint8 // of conservative slow start, + 1; 0 = not in it
	started, finished bool
}

const (
	hystartMin     = 4_000
	hystartMax     = 16_000
	hystartDivisor = 8 // MIN_RTT_DIVISOR
	hystartSamples = 8
	hystartGrowth  = 4 // CSS_GROWTH_DIVISOR
	hystartRounds  = 5
	burstSegments  = 8 // L, for a sender that does not pace
)

// ack takes an ACK in slow start; rtt is 0 without a sample. It reports
// whether slow start is over.
func (h *hystart) ack(una, nxt seq.Number, rtt uint32) bool {
	if h.finished {
		return false // only the first slow start: later ones know their threshold
	}
	if !h.started || una.AtOrAfter(h.roundEnd) {
		if h.rounds > 0 {
			if h.rounds++; h.rounds > hystartRounds {
				h.finished = true
				return true
			}
		}
		h.started, h.roundEnd, h.last, h.now, h.samples = true, nxt, h.now, 0, 0
	}
	if rtt == 0 {
		return false
	}
	if h.now == 0 || rtt < h.now {
		h.now = rtt
	}
	if h.samples < hystartSamples {
		h.samples++
	}
	if h.samples < hystartSamples {
		return false
	}
	if h.rounds > 0 {
		if h.now < h.baseline {
			h.rounds, h.baseline = 0, 0 // it was not congestion
		}
		return false
	}
	threshold := max(hystartMin, min(h.last/hystartDivisor, hystartMax))
	if h.last != 0 && h.now >= h.last+threshold {
		h.rounds, h.baseline = 1, h.now
	}
	return false
}

// growth is what acked bytes let the window grow by.
func (h *hystart) growth(acked, size int) int {
	acked = min(acked, burstSegments*size)
	if h.rounds > 0 {
		return acked / hystartGrowth
	}
	return acked
}
