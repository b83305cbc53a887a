package handshake

import "time"

// challengeEvery is the least time between two challenge ACKs of a connection
// (RFC 5961 §7), to the millisecond.
const challengeEvery = 500 * time.Millisecond

// challenged says, for each entry of the table, when it was challenged last:
// the instant's 24 low bits in ms, above 8 bits of the entry's generation; 0
// is never. No two connections share a limit, or who holds one could learn
// from its challenges whether a guess about another was right (CVE-2016-5696),
// and a flood takes no side record. Pages that no challenge has touched take
// no memory.
type challenged []uint32

// ChallengeBytes is what a connection takes for it, once it was challenged.
const ChallengeBytes = 4

// challenge owes the peer an ACK, but not too often.
func (m *Machine) challenge(c *conn) {
	if !m.challenged.may(c) {
		m.Counters.ChallengesHeld++
		return
	}
	m.Counters.Challenges++
	c.e.Flags |= ackNow
}

// may reports whether the connection may be challenged now, and notes that it
// is then.
func (l challenged) may(c *conn) bool {
	now := uint32(c.now/time.Millisecond)<<8 | c.e.Generation&0xff
	since := now - l[c.i] // the low bits are 0 for the same use of the entry
	if l[c.i] != 0 && since&0xff == 0 && since>>8 < uint32(challengeEvery/time.Millisecond) {
		return false
	}
	l[c.i] = now
	return true
}
