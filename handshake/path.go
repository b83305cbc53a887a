package handshake

import (
	"time"

	"myriad/internal/seq"
)

// pathCut is what an ICMP error has made of a connection's segment size.
type pathCut struct {
	at   time.Duration // when the size was cut last
	full uint16        // what it was before the first cut; 0 = it was not
	cuts uint8
}

const (
	// mtuFloor is the least path MTU that an ICMP error can talk us into.
	mtuFloor = 552
	// pathCutsMax is how often a path may narrow step by step: the next cut goes
	// to the floor. Each has a flight sent again.
	pathCutsMax = 8
	// pathAgain is when a larger size is tried again (RFC 1191 §6.3).
	pathAgain = 10 * time.Minute
)

// LowerMSS takes a path's smaller MTU, told by ICMP (RFC 1191): the segments
// get smaller, but not below the floor, and what is in flight is sent again.
// One in a round trip counts, and a few altogether, whatever is forged. It
// reports whether it did.
func (m *Machine) LowerMSS(i uint32, quoted seq.Number, mtu int, now time.Duration) bool {
	var c conn
	m.load(&c, i, now)
	e := c.e
	mss := max(mtu, mtuFloor) - 40
	if !synchronized(e.State) || quoted.Before(e.SndUna) || quoted.AtOrAfter(e.SndNxt) || mss >= int(e.SndMSS) {
		return false
	}
	if c.s == nil && !m.promoteInFlight(&c) {
		return false
	}
	p := &c.s.path
	switch {
	case p.full == 0:
		p.full, p.cuts = e.SndMSS, 0
	case now-p.at < time.Duration(e.Micros)*time.Microsecond:
		return false
	case p.cuts == pathCutsMax:
		mss = mtuFloor - 40
	}
	p.at, e.SndMSS = now, uint16(mss)
	p.cuts++
	m.noteSent(&c)
	m.loseAll(&c.s.send, false)
	return true
}

// widenPath goes back to the full segment size some time after it was cut: the
// path may have changed, or the error been a lie.
func (c *conn) widenPath() {
	if p := &c.s.path; p.full != 0 && c.now-p.at >= pathAgain {
		c.e.SndMSS, p.full = p.full, 0
	}
}

// promoteInFlight gives a record to a connection whose request is in flight.
func (m *Machine) promoteInFlight(c *conn) bool {
	c.e.Flags &^= sendAgain
	return m.needSide(c)
}
