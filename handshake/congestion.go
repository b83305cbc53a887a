package handshake

import "myriad/internal/seq"

// congestion is how much may be in flight: slow start (RFC 5681, counted in
// bytes, RFC 3465, and ended by HyStart++), then CUBIC or NewReno.
type congestion struct {
	cwnd, ssthresh uint32 // bytes
	counted        uint32 // NewReno: bytes acknowledged towards the next increase
	limited        bool   // the window was what kept the last segment back
	cubic          cubic
	hystart        hystart
}

const ssthreshStart = 0x7fffffff // arbitrarily high, RFC 5681 §3.1

// windowMost bounds the congestion window: no peer can offer more.
const windowMost = 1 << 30

func (g *congestion) start(size int) {
	*g = congestion{cwnd: uint32(initialWindow * size), ssthresh: ssthreshStart}
}

// ackedNew is what growth needs to know of an ACK.
type ackedNew struct {
	bytes, size int
	flight      int // bytes in flight before it
	una, nxt    seq.Number
	rtt, srtt   uint32 // µs; rtt is 0 without a sample
	now         uint32 // µs
}

// grow takes an ACK of new bytes outside of fast recovery. A window that was
// not used does not grow (RFC 9293 and RFC 7661: what it would be good for is
// not known).
func (g *congestion) grow(a *ackedNew, newReno bool) {
	if g.cwnd < g.ssthresh {
		if g.ssthresh == ssthreshStart && g.hystart.ack(a.una, a.nxt, a.rtt) {
			g.ssthresh = g.cwnd
			return
		}
		if g.limited || uint32(2*a.flight) >= g.cwnd {
			g.add(uint32(g.hystart.growth(a.bytes, a.size)))
		}
		return
	}
	switch {
	case !g.limited:
	case newReno:
		g.counted += uint32(a.bytes)
		if g.counted >= g.cwnd {
			g.counted -= g.cwnd
			g.add(uint32(a.size))
		}
	default:
		g.add(g.cubic.grow(g.cwnd, a.bytes, a.size, a.srtt, a.now))
	}
}

func (g *congestion) add(bytes uint32) { g.cwnd = min(g.cwnd+bytes, windowMost) }

// lose takes a congestion event with so many bytes in flight: the threshold
// falls, never below two segments (RFC 5681 §3.1).
func (g *congestion) lose(flight, size int, newReno bool) {
	least := uint32(2 * size)
	g.hystart.finished, g.hystart.rounds = true, 0
	g.counted = 0
	if newReno {
		g.ssthresh = max(uint32(flight)/2, least)
		return
	}
	g.ssthresh = max(g.cubic.lose(g.cwnd, size), least)
}

// restart follows an idle time longer than the timeout: the window is the one
// to begin with again (RFC 5681 §4.1).
func (g *congestion) restart(size int) {
	g.cwnd = min(g.cwnd, uint32(initialWindow*size))
	g.cubic.started = false
}
