package handshake

import (
	"time"

	"myriad/conntable"
	"myriad/linklayer"
)

// OpenOptions are what a connection is opened with.
type OpenOptions struct {
	Request  uint32        // interned request to be sent first; 0 = none
	Separate bool          // and not on the handshake's ACK
	Timeout  time.Duration // limit on the connection's life; 0 = none
	Idle     time.Duration // limit on the time without a segment; 0 = none
}

// Open starts the connection of a newly inserted entry: SYN-SENT, with a SYN
// for Output to send (RFC 9293 §3.10.1).
func (m *Machine) Open(i uint32, now time.Duration, o OpenOptions) {
	e := m.table.At(i)
	iss := m.isn(e, now)
	e.State = conntable.SynSent
	e.SndUna, e.SndNxt = iss, iss
	e.Scale = m.scale << 4
	e.SndMSS = mssDefault
	e.Flags = sendSYN | fresh
	if o == (OpenOptions{}) {
		return
	}
	x := m.table.Extra(i)
	e.Extended = true
	if o.Request != 0 {
		x.Request, x.RequestSeq = o.Request, iss+1
		e.Flags |= request
		if o.Separate {
			e.Flags |= separate
		}
	}
	if o.Timeout > 0 {
		x.Deadline = tick(now + o.Timeout)
	}
	if o.Idle > 0 {
		x.Idle = uint32(max(o.Idle/time.Millisecond, 1))
		x.Active = tick(now)
	}
}

// Fresh reports whether the connection's first SYN is being held back.
func Fresh(e *conntable.Entry) bool { return e.Flags&fresh != 0 }

// Start lets the first SYN go.
func Start(e *conntable.Entry) { e.Flags &^= fresh }

// outputSYN builds the SYN, or the SYN-ACK of a simultaneous open. The options
// and their order are those of common desktop systems: a SYN without MSS, or
// with a tiny window, is filtered by some hosts.
func (m *Machine) outputSYN(c *conn, out *Out) {
	e, g := c.e, &out.Segment
	g.Seq = e.SndUna
	g.Flags = linklayer.SYN
	g.Window = uint16(min(m.cfg.ReceiveBuffer, 0xffff))
	g.Options.Has = linklayer.HasMSS | linklayer.HasSACKPermitted | linklayer.HasWindowScale
	g.Options.MSS = uint16(m.cfg.MSS)
	g.Options.WindowScale = m.scale
	if m.cfg.Timestamps {
		g.Options.Has |= linklayer.HasTimestamps
		g.Options.TSVal = m.stampNow(c)
	}
	if e.State == conntable.SynReceived {
		m.answerSYN(c, g)
	}
	m.synLeaves(e, c.now)
}

// synLeaves is what a SYN changes.
func (m *Machine) synLeaves(e *conntable.Entry, now time.Duration) {
	if e.SndNxt == e.SndUna {
		e.SndNxt = e.SndUna + 1
	} else {
		m.Counters.Retransmitted++
	}
	e.Flags &^= sendSYN | fresh
	e.Micros = micros(now)
	if e.Due == 0 {
		e.Due = tick(now + backoff(synRTO, e.Retries))
	}
}

// answerSYN makes a SYN-ACK of the SYN, with only what the peer offered too.
func (m *Machine) answerSYN(c *conn, g *linklayer.Segment) {
	g.Flags |= linklayer.ACK
	g.Ack = c.e.RcvNxt
	if c.e.Flags&sackOK == 0 {
		g.Options.Has &^= linklayer.HasSACKPermitted
	}
	if c.e.Scale == 0 {
		g.Options.Has &^= linklayer.HasWindowScale
	}
	if c.e.Flags&stampsOK == 0 {
		g.Options.Has &^= linklayer.HasTimestamps
	} else if c.s != nil {
		g.Options.TSEcr = c.s.stamps.recent
	}
	c.e.Flags &^= ackNow
	c.ackSaid()
}

// backoff doubles a timeout retries times (RFC 6298 §5.5), up to its ceiling.
func backoff(rto time.Duration, retries uint8) time.Duration {
	if retries > 16 {
		return rtoMax
	}
	return min(rto<<retries, rtoMax)
}
