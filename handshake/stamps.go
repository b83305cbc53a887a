package handshake

import (
	"time"

	"myriad/conntable"
	"myriad/internal/seq"
	"myriad/linklayer"
)

// stamps is a connection's state of RFC 7323 timestamps.
type stamps struct {
	recent  uint32        // TS.Recent
	at      time.Duration // when it was taken
	lastAck seq.Number    // Last.ACK.sent
}

// pawsIdle is how long TS.Recent stays good (RFC 7323 §5.5).
const pawsIdle = 24 * 24 * time.Hour

// stampNow is our timestamp: milliseconds, shifted by a secret per
// connection.
func (m *Machine) stampNow(c *conn) uint32 {
	return uint32(c.now/time.Millisecond) + m.stampOffset(c.e)
}

// paws checks a segment's timestamp (RFC 7323 §5.3, R1). It reports whether the
// segment may go on.
func (m *Machine) paws(c *conn, g *linklayer.Segment) bool {
	if c.e.Flags&stampsOK == 0 || g.Flags&linklayer.RST != 0 {
		return true
	}
	if g.Options.Has&linklayer.HasTimestamps == 0 {
		m.Counters.Drops[DropTimestampMissing]++
		return false
	}
	t := &c.s.stamps
	if int32(g.Options.TSVal-t.recent) < 0 && c.now-t.at < pawsIdle {
		m.Counters.Drops[DropPAWS]++
		m.challenge(c)
		return false
	}
	return true
}

// takeStamp remembers the timestamp of a segment that paws let go on where RFC
// 7323 §4.3 says so: at the left edge. The segment is acceptable, and so is its
// acknowledgement: a stranger's timestamp from the future would have all that
// the peer sends dropped for weeks.
func (c *conn) takeStamp(g *linklayer.Segment) {
	if c.e.Flags&stampsOK == 0 {
		return
	}
	if t := &c.s.stamps; g.Seq.AtOrBefore(t.lastAck) {
		t.recent, t.at = g.Options.TSVal, c.now
	}
}

// stamp puts the timestamps on a segment, once negotiated on every one.
func (m *Machine) stamp(c *conn, g *linklayer.Segment) {
	if c.e.Flags&stampsOK == 0 || c.e.State == conntable.SynSent {
		return
	}
	g.Options.Has |= linklayer.HasTimestamps
	g.Options.TSVal = m.stampNow(c)
	g.Options.TSEcr = c.s.stamps.recent
	c.s.stamps.lastAck = c.e.RcvNxt
}
