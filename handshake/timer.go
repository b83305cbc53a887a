package handshake

import (
	"time"

	"myriad/conntable"
)

// Deadline returns when Timeout is due next; false when the connection waits
// for nothing but segments.
func (m *Machine) Deadline(i uint32, now time.Duration) (time.Duration, bool) {
	e := m.table.At(i)
	first := e.Due
	if e.Extended {
		x := m.table.Extra(i)
		first = earlier(earlier(first, x.AckDue), x.Deadline)
		if x.Idle != 0 {
			first = earlier(first, nonzero(x.Active+x.Idle))
		}
	}
	if first == 0 {
		return 0, false
	}
	return instant(first, now), true
}

// earlier returns the earlier of two ticks, of which 0 is none.
func earlier(a, b uint32) uint32 {
	if a == 0 || b != 0 && int32(b-a) < 0 {
		return b
	}
	return a
}

func nonzero(t uint32) uint32 {
	if t == 0 {
		return 1
	}
	return t
}

// Timeout handles whatever is due at now; nothing if the timer came early.
func (m *Machine) Timeout(i uint32, now time.Duration) Result {
	var c conn
	m.load(&c, i, now)
	if c.e.Flags&sendRST != 0 {
		return Result{}
	}
	if c.e.Extended && (due(c.x.Deadline, now) || c.x.Idle != 0 && due(nonzero(c.x.Active+c.x.Idle), now)) {
		if !synchronized(c.e.State) {
			return m.fail(&c, DeadlineExceeded)
		}
		return m.abort(&c, DeadlineExceeded)
	}
	if c.e.Extended && due(c.x.AckDue, now) {
		c.x.AckDue = 0
		c.e.Flags |= ackNow
	}
	if !due(c.e.Due, now) || m.postpone(&c) {
		return Result{}
	}
	c.e.Due = 0
	return m.dueNow(&c)
}

// dueNow handles the state's own timer.
func (m *Machine) dueNow(c *conn) Result {
	e := c.e
	switch e.State {
	case conntable.TimeWait:
		if e.Flags&finHeld != 0 {
			e.Due = tick(c.now + m.cfg.TimeWait) // not all of it was read yet
			return Result{}
		}
		return Result{Events: Gone}
	case conntable.FinWait2:
		return m.abort(c, TimedOut)
	case conntable.SynSent, conntable.SynReceived:
		if int(e.Retries) >= m.cfg.SYNRetries {
			return m.fail(c, TimedOut)
		}
		e.Retries++
		e.Flags |= sendSYN
		return Result{}
	}
	if c.s != nil {
		return m.senderTimeout(c)
	}
	return m.retransmissionTimeout(c)
}

// retransmissionTimeout is RFC 6298 §5.4 to §5.6, or the persist timer when
// nothing is in flight.
func (m *Machine) retransmissionTimeout(c *conn) Result {
	e := c.e
	if int(e.Retries) >= m.cfg.DataRetries {
		return m.abort(c, TimedOut)
	}
	if e.Retries < 255 {
		e.Retries++
	}
	if m.abandoned(c) {
		return m.abort(c, TimedOut)
	}
	if c.s == nil {
		m.Counters.Timeouts++
		if e.SndUna != e.SndNxt { // or what waits has yet to leave for the first time
			e.Flags |= sendAgain
		}
		e.Due = tick(c.now + m.rto(c))
		return Result{}
	}
	s := &c.s.send
	s.rto.Backoff()
	s.early = earlyTimer{}
	m.armRTO(c)
	if e.SndUna == e.SndNxt {
		e.Flags |= sendProbe
		return Result{}
	}
	m.noteSent(c)
	s.resent = e.SndUna
	if s.window == 0 {
		// A probe that was not answered says nothing of congestion.
		m.Counters.Probes++
		s.flight.markLost(&m.flights, s.flight.first)
		return Result{}
	}
	m.Counters.Timeouts++
	m.enterRecovery(c, phaseTimeout, 0)
	// A peer that SACKed what it does not acknowledge has dropped it (RFC 2018
	// §8).
	m.loseAll(s, s.flight.startSACKed(&m.flights))
	return Result{}
}

// abandoned: the application has left, and the peer has acknowledged nothing
// for orphanMost. Answers to window probes keep a connection for as long as
// somebody waits for it (RFC 9293 M37), but not one that nobody does (RFC
// 6429).
func (m *Machine) abandoned(c *conn) bool {
	if c.s == nil || c.e.Flags&noRead == 0 {
		return false
	}
	if c.s.stalledAt == 0 {
		c.s.stalledAt = tick(c.now)
	}
	return due(c.s.stalledAt+uint32(orphanMost/time.Millisecond), c.now)
}

// loseAll marks all that is in flight to be sent again.
func (m *Machine) loseAll(s *sender, renege bool) {
	s.flight.loseAll(&m.flights, renege)
	s.recovery.undo.possible = s.recovery.undo.possible && !renege
}

// senderTimeout handles the timer that is due of those that a sender has.
func (m *Machine) senderTimeout(c *conn) Result {
	s := &c.s.send
	if due(s.early.due, c.now) {
		kind := s.early.kind
		s.early = earlyTimer{}
		if kind == earlyProbe {
			s.probe.wanted = true
		} else {
			m.reorderTimeout(c)
		}
	}
	if !due(s.rtoDue, c.now) {
		m.setDue(c)
		return Result{}
	}
	s.rtoDue = 0
	return m.retransmissionTimeout(c)
}

// reorderTimeout is RACK's: nothing came, and time alone says what is lost.
func (m *Machine) reorderTimeout(c *conn) {
	s, size := &c.s.send, m.segmentSize(c)
	m.noteSent(c)
	m.findLost(c, &delivery{now: micros(c.now)})
	if s.recovery.phase == phaseFast && s.flight.lost > 0 {
		g := &s.congestion
		g.cwnd = s.recovery.prr.window(uint32(c.pipe(size)), 0, g.ssthresh, uint32(size), false, false)
	}
}

// rto is the present retransmission timeout. A plain connection knows one
// round trip, that of its handshake: RFC 6298 §2.2 makes three times that of
// it, of which what goes beyond the round trip is RTOMin at least.
func (m *Machine) rto(c *conn) time.Duration {
	if c.s != nil {
		return c.s.send.rto.Value()
	}
	once := time.Duration(c.e.Micros) * time.Microsecond
	return backoff(once+max(2*once, m.cfg.RTOMin), c.e.Retries)
}

// restartTimer follows an ACK of new data (RFC 6298 §5.2 and §5.3).
func (m *Machine) restartTimer(c *conn) {
	if c.s != nil {
		c.s.stalledAt = 0
	}
	if c.e.SndUna != c.e.SndNxt {
		m.armRTO(c)
		if c.s != nil {
			m.armProbe(c)
		}
		return
	}
	c.e.Due = 0
	if c.s != nil {
		c.s.send.rtoDue, c.s.send.early = 0, earlyTimer{}
	}
}

// armRTO starts the retransmission timeout anew.
func (m *Machine) armRTO(c *conn) {
	at := tick(c.now + m.rto(c))
	if c.s == nil {
		c.e.Due = at
		return
	}
	c.s.send.rtoDue = at
	m.setDue(c)
}

// startRTO starts it if it does not run.
func (m *Machine) startRTO(c *conn) {
	running := c.e.Due
	if c.s != nil {
		running = c.s.send.rtoDue
	}
	if running == 0 {
		m.armRTO(c)
	}
}

// setDue makes the state's timer that of the sender: the earlier of its two.
func (m *Machine) setDue(c *conn) {
	switch c.e.State {
	case conntable.SynSent, conntable.SynReceived, conntable.FinWait2, conntable.TimeWait:
		return // it is another one's
	}
	c.e.Due = earlier(c.s.send.rtoDue, c.s.send.early.due)
}

// tickMicros is the tick in so many microseconds.
func tickMicros(now time.Duration, wait uint32) uint32 {
	return tick(now + time.Duration(wait)*time.Microsecond)
}
