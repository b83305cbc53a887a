package handshake

import (
	"math/bits"
	"time"

	"myriad/internal/seq"
	"myriad/linklayer"
)

// rack is the time-based detection of losses (RFC 8985 §6): a segment is lost
// when another that was sent later has arrived, and reordering does not explain
// it.
type rack struct {
	sent     uint32     // when the segment delivered last was sent, µs
	end      seq.Number // its end
	highest  seq.Number // after the highest byte that the peer is known to have
	rtt      uint32     // µs, of that segment
	rttMin   uint32     // µs, the least seen; 0 = none
	round    seq.Number // SndNxt at the last D-SACK that widened the window
	multiple uint8      // of a quarter of rttMin that reordering may take
	persist  uint8      // recoveries until that becomes 1 again
	inRound  bool       // round counts
	started  bool       // sent, end and rtt count
	reorders bool       // the path was seen to reorder
}

const (
	reorderPersist  = 16 // recoveries, RFC 8985 §6.2 step 4
	multipleMax     = 64 // 16 round trips: beyond what SRTT allows anyway
	duplicateThresh = 3  // RFC 5681 §3.2
)

func (k *rack) start(una seq.Number, rtt uint32) {
	*k = rack{highest: una, rttMin: rtt, multiple: 1}
}

// sentAfter orders transmissions: of those in the same microsecond the one
// with the higher number is the later.
func sentAfter(aSent, bSent uint32, aEnd, bEnd seq.Number) bool {
	if aSent == bSent {
		return aEnd.After(bEnd)
	}
	return int32(aSent-bSent) > 0
}

// delivery is what one ACK said to have arrived.
type delivery struct {
	now      uint32 // µs
	bytes    int32  // delivered by cumulative ACK or SACK, for the first time
	unsent   int    // bytes that were to leave before it, and have not yet
	advanced bool   // SndUna moved
	original bool   // SndUna moved over a segment that was sent only once
	repeated bool   // … or over one that was sent again
	dsack    bool
	dsackEnd seq.Number
	sampled  bool   // rtt counts
	rtt      uint32 // µs, of the oldest delivered segment that was sent once
}

// deliver takes segment n as arrived (RFC 8985 §6.2 steps 1 to 3).
func (m *Machine) deliver(s *sender, d *delivery, n uint32, highest seq.Number) {
	b, bit := s.flight.at(&m.flights, n)
	end, sent, resent := b.end[bit], b.sent[bit], b.resent>>bit&1 != 0
	k, rtt := &s.rack, d.now-sent
	if !resent {
		if !d.sampled {
			d.sampled, d.rtt = true, rtt
		}
		if k.rttMin == 0 || rtt < k.rttMin {
			k.rttMin = max(rtt, 1)
		}
		if end.Before(highest) {
			k.reorders = true
		}
	} else if rtt < k.rttMin {
		return // it answers the first copy
	}
	k.highest = k.highest.Max(end)
	if !k.started || sentAfter(sent, k.sent, end, k.end) {
		k.started, k.sent, k.end, k.rtt = true, sent, end, rtt
	}
}

// takeCumulative takes the ACK number.
func (m *Machine) takeCumulative(s *sender, d *delivery, una seq.Number) {
	f, p, highest := &s.flight, &m.flights, s.rack.highest
	for f.first != f.next && f.end(p, f.first).AtOrBefore(una) {
		b, bit := f.at(p, f.first)
		if b.sacked>>bit&1 == 0 {
			d.bytes += f.length(p, f.first)
			if b.resent>>bit&1 == 0 {
				d.original = true
			} else {
				d.repeated = true
			}
			m.deliver(s, d, f.first, highest)
		}
		f.pop(p)
	}
	if una.After(f.start) {
		d.bytes += int32(una.Since(f.start))
		if f.first != f.next {
			f.shorten(p, una)
		}
		f.start = una
	}
	s.rack.highest = s.rack.highest.Max(una)
}

// takeSACK takes the SACK blocks. A first block that lies below the ACK, or
// within the second, is a D-SACK (RFC 2883 §4); others out of what is in flight
// are lies and count for nothing.
func (m *Machine) takeSACK(s *sender, d *delivery, g *linklayer.Segment, nxt seq.Number) {
	blocks := g.Options.SACK[:g.Options.SACKCount]
	highest := s.rack.highest
	for k, b := range blocks {
		if b.Len() <= 0 || b.End.After(nxt) {
			continue
		}
		if k == 0 && (b.Start.Before(g.Ack) || len(blocks) > 1 && within(b, blocks[1])) {
			d.dsack, d.dsackEnd = true, b.End
			continue
		}
		if b.Start.Before(g.Ack) {
			continue
		}
		m.takeBlock(s, d, b, highest)
	}
}

func within(b, o seq.Range) bool {
	return b.Start.AtOrAfter(o.Start) && b.End.AtOrBefore(o.End)
}

// takeBlock marks the segments that lie in b as a whole.
func (m *Machine) takeBlock(s *sender, d *delivery, r seq.Range, highest seq.Number) {
	f, p := &s.flight, &m.flights
	from := f.find(p, r.Start)
	if from != f.next && f.begin(p, from).Before(r.Start) {
		from++
	}
	to := f.find(p, r.End)
	for from < to {
		part, next := f.span(p, from, to)
		for fresh := part.mask &^ part.b.sacked; fresh != 0; fresh &= fresh - 1 {
			n := part.base + uint32(bits.TrailingZeros32(fresh))
			d.bytes += f.length(p, n)
			m.deliver(s, d, n, highest)
			f.markSACKed(p, n)
		}
		from = next
	}
}

// reorderWindow is how long a segment may be overtaken, in µs (RFC 8985 §6.2
// step 4).
func (m *Machine) reorderWindow(s *sender) uint32 {
	k := &s.rack
	if !k.reorders && (s.recovery.active() || s.flight.segments >= duplicateThresh) {
		return 0
	}
	window := uint64(k.multiple) * uint64(k.rttMin) / 4
	if srtt, ok := s.rto.SRTT(); ok {
		window = min(window, uint64(srtt/time.Microsecond))
	}
	return uint32(window)
}

// widen lets the reordering window grow with each round that has a D-SACK.
func (k *rack) widen(d *delivery, una, nxt seq.Number) {
	if k.inRound && una.AtOrAfter(k.round) {
		k.inRound = false
	}
	if !d.dsack || k.inRound {
		return
	}
	k.inRound, k.round = true, nxt
	k.multiple = min(k.multiple+1, multipleMax)
	k.persist = reorderPersist
}

// recovered counts the recoveries until the window shrinks again.
func (k *rack) recovered() {
	if k.persist > 0 {
		if k.persist--; k.persist == 0 {
			k.multiple = 1
		}
	}
}

// detectLost marks what is lost by now, and returns when to look again: the
// longest wait in µs, 0 for none (RFC 8985 §6.2 step 5).
func (m *Machine) detectLost(s *sender, now uint32) (wait uint32) {
	f, p, k := &s.flight, &m.flights, &s.rack
	if !k.started || f.segments == 0 && !s.resentInFlight(p) {
		return 0 // all that is in flight was sent after what arrived
	}
	limit := k.rtt + m.reorderWindow(s)
	for n := f.first; n < f.next; {
		part, next := f.span(p, n, f.next)
		for open := part.mask &^ (part.b.sacked | part.b.lost); open != 0; open &= open - 1 {
			bit := uint32(bits.TrailingZeros32(open))
			sent, end := part.b.sent[bit], part.b.end[bit]
			again := part.b.resent>>bit&1 != 0
			// What was sent again in the very microsecond of the one that
			// arrived comes after it, whatever its number.
			if !sentAfter(k.sent, sent, k.end, end) || again && sent == k.sent {
				if !again && end.AtOrAfter(s.resentTo) {
					return wait // from here on each was sent after the one before
				}
				continue
			}
			if left := int32(sent + limit - now); left > 0 {
				wait = max(wait, uint32(left))
			} else {
				f.markLost(p, part.base+bit)
			}
		}
		n = next
	}
	return wait
}

// resentInFlight: something in flight was sent more than once.
func (s *sender) resentInFlight(p *flightPool) bool {
	return s.resentTo.After(s.flight.start)
}
