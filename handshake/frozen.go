package handshake

import (
	"time"

	"myriad/conntable"
)

// frozenFor is how soon a timer that came due without a link looks again.
const frozenFor = 100 * time.Millisecond

// Freeze says that there is no link, or that there is one again. Without one,
// timeouts say nothing of the peer or the path: they are put off, and count as
// no retry. Limits on a connection's life, and TIME-WAIT, go on.
func (m *Machine) Freeze(frozen bool) { m.frozen = frozen }

// postpone puts the state's timer off; it reports whether it did.
func (m *Machine) postpone(c *conn) bool {
	if !m.frozen || c.e.State == conntable.TimeWait || c.e.State == conntable.FinWait2 {
		return false
	}
	c.e.Due = tick(c.now + frozenFor)
	if c.s != nil && c.s.send.rtoDue != 0 {
		c.s.send.rtoDue, c.s.send.early = c.e.Due, earlyTimer{}
	}
	return true
}

// SetMSS follows a change of the device's MTU: new connections announce it.
func (m *Machine) SetMSS(mss int) {
	m.cfg.MSS = mss
	m.cutStencils()
}

// ClampMSS keeps connection i's segments within Config.MSS, once that was
// lowered. What is in flight is sent again in time, if it was lost to that.
func (m *Machine) ClampMSS(i uint32, now time.Duration) {
	var c conn
	m.load(&c, i, now)
	if int(c.e.SndMSS) <= m.cfg.MSS || !synchronized(c.e.State) {
		return
	}
	c.e.SndMSS = uint16(m.cfg.MSS)
	if c.s == nil && (c.e.SndUna != c.e.SndNxt || c.e.Flags&request != 0) {
		m.promoteInFlight(&c)
	}
	if c.s != nil {
		c.s.path.full = min(c.s.path.full, c.e.SndMSS)
	}
}
