package handshake

import (
	"myriad/internal/seq"
)

// recovery is where a sender stands after a loss.
type recovery struct {
	phase   phase
	high    seq.Number // SndNxt when the loss was found: over once it is acknowledged
	dupACKs uint8      // in a row, of a peer without SACK
	prr     prr
	undo    undo
}

// phase of a recovery.
type phase uint8

const (
	phaseOpen    phase = iota
	phaseFast          // fast recovery: PRR paces it
	phaseTimeout       // after a retransmission timeout: slow start
)

func (r *recovery) active() bool { return r.phase != phaseOpen }

// undo remembers what a loss took from congestion control, until D-SACKs tell
// that every segment sent again had arrived the first time (RFC 3708).
type undo struct {
	cwnd, ssthresh uint32
	cubic          cubic
	resent         uint16 // segments sent again since, without a D-SACK yet
	possible       bool
}

// enterRecovery takes a loss: fast, or told by the timer. unsent is how many
// bytes were to leave before it was known.
func (m *Machine) enterRecovery(c *conn, to phase, unsent int) {
	s, size := &c.s.send, m.segmentSize(c)
	r, g := &s.recovery, &s.congestion
	flight := c.e.SndNxt.Since(s.flight.start)
	if !r.active() {
		r.undo = undo{cwnd: g.cwnd, ssthresh: g.ssthresh, cubic: g.cubic, possible: true}
	}
	if !r.active() || to == phaseTimeout && r.phase != phaseTimeout {
		g.lose(flight, size, m.cfg.NewReno)
	}
	r.phase, r.high = to, c.e.SndNxt
	s.probe.outstanding = false
	if to == phaseTimeout {
		g.cwnd = uint32(size) // RFC 5681 §3.1
		r.dupACKs = 0
		return
	}
	m.Counters.FastRecoveries++
	r.prr = prr{flight: uint32(flight + unsent), due: uint32(unsent)}
}

// leaveRecovery ends it once all that was in flight when it began is there.
func (m *Machine) leaveRecovery(s *sender, una seq.Number) {
	r := &s.recovery
	if !r.active() || una.Before(r.high) {
		return
	}
	if r.phase == phaseFast {
		s.congestion.cwnd = s.congestion.ssthresh // RFC 6937 §3
	}
	r.phase = phaseOpen
	s.rack.recovered()
}

// noteDSACK counts what came twice; when that is all that was sent again,
// nothing had been lost.
func (m *Machine) noteDSACK(s *sender) {
	u := &s.recovery.undo
	if !u.possible || u.resent == 0 {
		return
	}
	if u.resent--; u.resent == 0 {
		m.undoLoss(s)
	}
}

// undoLoss gives back what a loss that was none had taken.
func (m *Machine) undoLoss(s *sender) {
	u, g := &s.recovery.undo, &s.congestion
	m.Counters.Undone++
	g.cwnd, g.ssthresh, g.cubic = max(g.cwnd, u.cwnd), max(g.ssthresh, u.ssthresh), u.cubic
	s.recovery.phase = phaseOpen
	s.flight.loseNone(&m.flights)
	u.possible = false
}

// pipe estimates the bytes in flight: sent, less what the peer has, less what
// is lost and was not sent again.
func (c *conn) pipe(size int) int {
	s := &c.s.send
	n := c.e.SndNxt.Since(s.flight.start) - int(s.flight.sacked) - int(s.flight.lost)
	// Each duplicate ACK of a peer without SACK tells of a segment that left.
	return max(n-int(s.recovery.dupACKs)*size, 0)
}

// findLost takes what is known by now about losses, and sets the reordering
// timer for what time will tell. It reports whether there are more.
func (m *Machine) findLost(c *conn, d *delivery) (more bool) {
	s := &c.s.send
	before, wait := s.flight.lost, uint32(0)
	if c.e.Flags&sackOK != 0 {
		wait = m.detectLost(s, d.now)
	} else {
		m.findLostWithoutSACK(s, d)
	}
	more = s.flight.lost > before
	if more && !s.recovery.active() {
		m.enterRecovery(c, phaseFast, d.unsent)
	}
	switch {
	case wait > 0:
		s.early = earlyTimer{earlyReorder, tickMicros(c.now, wait)}
	case s.early.kind == earlyReorder, s.recovery.active(), s.flight.segments > 0:
		s.early = earlyTimer{}
	}
	return more
}

// findLostWithoutSACK is NewReno (RFC 6582): the third duplicate ACK tells of
// one loss, and each partial ACK of the next.
func (m *Machine) findLostWithoutSACK(s *sender, d *delivery) {
	r, f := &s.recovery, &s.flight
	if f.first == f.next {
		return
	}
	again := r.phase == phaseFast && d.advanced && f.start.Before(r.high)
	third := !r.active() && r.dupACKs >= duplicateThresh && f.start.AtOrAfter(r.high)
	if again || third {
		f.markLost(&m.flights, f.first)
	}
}
