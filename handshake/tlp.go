package handshake

import (
	"time"

	"myriad/internal/seq"
)

// lossProbe is the tail loss probe (RFC 8985 §7): the last segments of a flight
// have none behind them whose arrival could tell of their loss, so one is sent
// for that.
type lossProbe struct {
	end         seq.Number // SndNxt when the probe left
	outstanding bool       // end counts
	again       bool       // it was a segment sent again
	wanted      bool       // one is to leave now
}

// An early timer goes off before the retransmission timeout, if at all.
type earlyTimer struct {
	kind earlyKind
	due  uint32 // tick
}

type earlyKind uint8

const (
	earlyNone    earlyKind = iota
	earlyReorder           // RACK's: what had time enough to be reordered is lost
	earlyProbe             // the tail loss probe
)

// ackDelayMost is how long the peer may keep the ACK of a single segment.
const ackDelayMost = 200 * time.Millisecond

// armProbe sets the probe's timer after new data and after an ACK that moved
// SndUna, in place of none (RFC 8985 §7.2). Where the retransmission timeout
// comes as soon, that does it.
func (m *Machine) armProbe(c *conn) {
	e, s := c.e, &c.s.send
	if e.Flags&sackOK == 0 || s.recovery.active() || s.flight.segments > 0 || s.probe.outstanding ||
		s.early.kind == earlyReorder || e.SndUna == e.SndNxt || s.window == 0 {
		return
	}
	srtt, ok := s.rto.SRTT()
	if !ok {
		return // the retransmission timeout is as good a guess
	}
	wait := 2 * srtt
	if s.flight.next-s.flight.first == 1 {
		wait += ackDelayMost
	}
	s.early = earlyTimer{}
	if at := tick(c.now + wait); int32(s.rtoDue-at) > 0 {
		s.early = earlyTimer{earlyProbe, at}
	}
	m.setDue(c)
}

// outputProbe sends the probe: new data where there is some and the peer's
// window allows it, otherwise the last segment once more (RFC 8985 §7.3).
func (m *Machine) outputProbe(c *conn, size int, out *Out) bool {
	e, s := c.e, &c.s.send
	s.probe.wanted = false
	if e.SndUna == e.SndNxt || s.recovery.active() {
		return false
	}
	n := 0
	if !finSent(e.State) {
		n = min(s.end.Since(e.SndNxt), size, int(s.window)-e.SndNxt.Since(e.SndUna))
	}
	s.probe.again = n <= 0
	if n > 0 {
		m.sendNew(c, n, out)
		m.noteSent(c)
	} else {
		last := s.flight.next - 1
		at := s.flight.begin(&m.flights, last).Max(s.flight.last(&m.flights).Add(-size))
		if !m.sendOld(c, at, size, out) {
			return false
		}
		m.noteResent(c, last)
	}
	m.Counters.LossProbes++
	s.probe.outstanding, s.probe.end = true, e.SndNxt
	s.early = earlyTimer{}
	m.armRTO(c) // it starts anew, after the probe
	return true
}

// probeAcked looks at what an ACK means for the probe (RFC 8985 §7.4): the
// probe itself may have repaired a loss, which congestion control must learn
// of.
func (m *Machine) probeAcked(c *conn, d *delivery, una seq.Number, bare bool) {
	s := &c.s.send
	if !s.probe.outstanding || una.Before(s.probe.end) {
		return
	}
	switch {
	case !s.probe.again:
	case d.dsack && d.dsackEnd == s.probe.end:
	case una.After(s.probe.end):
		s.congestion.lose(c.e.SndNxt.Since(una), m.segmentSize(c), m.cfg.NewReno)
		s.congestion.cwnd = min(s.congestion.cwnd, s.congestion.ssthresh)
	case !d.advanced && bare:
	default:
		return // one more ACK will tell
	}
	s.probe.outstanding = false
}
