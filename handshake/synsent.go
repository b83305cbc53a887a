package handshake

import (
	"myriad/conntable"
	"myriad/linklayer"
)

// stepSynSent handles a segment in SYN-SENT (RFC 9293 §3.10.7.3).
func (m *Machine) stepSynSent(c *conn, g *linklayer.Segment) Result {
	e := c.e
	sent := e.SndNxt != e.SndUna
	acked := g.Flags&linklayer.ACK != 0
	good := acked && sent && g.Ack == e.SndNxt
	switch {
	case acked && !good:
		return m.staleACK(c, g)
	case g.Flags&linklayer.RST != 0 && good:
		return m.fail(c, Refused)
	case g.Flags&linklayer.RST != 0:
		return m.drop(DropRSTInSynSent)
	case g.Flags&linklayer.SYN == 0:
		return m.drop(DropNoSYNInSynSent)
	}
	switch taken := m.negotiate(c, g); {
	case !taken && good:
		return m.fail(c, NoMemory)
	case !taken:
		return Result{} // a stranger's SYN ends nothing
	}
	if !good {
		// Both ends opened at once: answer the SYN, and wait for the ACK of
		// ours. It may be a stranger's, too: retries and their timer go on, so
		// that no flood of such makes the attempt last.
		e.State = conntable.SynReceived
		e.Flags |= sendSYN
		return Result{}
	}
	return m.establish(c, g)
}

// staleACK answers an ACK of what we never sent: the peer still knows an older
// connection by these ports. The RST ends that one, and a new SYN follows at
// once, since the first was lost on it.
func (m *Machine) staleACK(c *conn, g *linklayer.Segment) Result {
	m.Counters.Drops[DropBadACKInSynSent]++
	if g.Flags&linklayer.RST != 0 {
		return Result{}
	}
	if c.e.SndNxt != c.e.SndUna && c.e.Retries == 0 {
		// Once only: the number of SYNs must not depend on the peer's input.
		c.e.Retries, c.e.Due = 1, 0
		c.e.Flags |= sendSYN
	}
	return m.refuse(g)
}

// refuse answers an unacceptable ACK with <SEQ=SEG.ACK><CTL=RST>.
func (m *Machine) refuse(g *linklayer.Segment) Result {
	m.Reply = linklayer.Segment{Seq: g.Ack, Flags: linklayer.RST}
	return Result{Events: Reply}
}

// negotiate takes the peer's SYN: its sequence number, window and options. It
// is false, and the SYN not taken, when both ends offer timestamps and there is
// no side record to keep them in: they are agreed on then, and the peer drops
// whatever has none (RFC 7323 §3.2).
func (m *Machine) negotiate(c *conn, g *linklayer.Segment) bool {
	e, o := c.e, &g.Options
	e.RcvNxt = g.Seq + 1
	e.Flags &^= sackOK | stampsOK
	stamped := m.cfg.Timestamps && o.Has&linklayer.HasTimestamps != 0
	if stamped && !m.needSide(c) {
		m.Counters.Drops[DropNoSide]++
		return false
	}
	mss := uint16(mssDefault)
	if o.Has&linklayer.HasMSS != 0 {
		mss = max(o.MSS, mssFloor)
	}
	e.SndMSS = min(mss, uint16(m.cfg.MSS))
	if o.Has&linklayer.HasWindowScale != 0 {
		e.Scale = m.scale<<4 | min(o.WindowScale, 14)
	} else {
		e.Scale = 0
	}
	if o.Has&linklayer.HasSACKPermitted != 0 {
		e.Flags |= sackOK
	}
	// The window of a SYN is never scaled (RFC 7323 §2.2); the entry holds
	// scaled ones.
	e.SndWnd = g.Window >> (e.Scale & 15)
	e.RcvEdge = e.RcvNxt.Add(min(m.cfg.ReceiveBuffer, 0xffff))
	if stamped {
		e.Flags |= stampsOK
		c.s.stamps.recent, c.s.stamps.at = o.TSVal, c.now
		c.s.stamps.lastAck = e.RcvNxt
	}
	return true
}

// establish completes the handshake with the ACK of our SYN.
func (m *Machine) establish(c *conn, g *linklayer.Segment) Result {
	e := c.e
	r := Result{Events: Connected}
	r.Elapsed = Micros(micros(c.now) - e.Micros)
	if e.Retries == 0 {
		e.Micros = max(uint32(r.Elapsed), 1)
	} else {
		// Karn: which SYN was answered? RFC 6298 §5.7 wants 3 s for data.
		e.Micros = unmeasured
	}
	e.State = conntable.Established
	e.SndUna = e.SndNxt
	e.Retries, e.Due = 0, 0
	e.Flags |= ackNow
	if c.e.Extended && c.x.Idle != 0 {
		c.x.Active = tick(c.now)
	}
	window := uint32(g.Window)
	if window > 0 && e.SndWnd == 0 {
		// Less than a unit of its scale, which the entry cannot hold.
		m.needSide(c)
	}
	if c.s != nil {
		m.fillEstablished(c, window)
	}
	m.startRequest(c, &r, window)
	if r.Events&Failed != 0 {
		return r
	}
	if g.Flags&linklayer.SYN != 0 && (len(g.Payload) > 0 || g.Flags&linklayer.FIN != 0) {
		// Data on the SYN-ACK is ordinary data that begins after the SYN.
		rest := *g
		rest.Seq++
		rest.Flags &^= linklayer.SYN
		m.receive(c, &rest, &r)
	}
	return r
}

// fillEstablished brings a record taken during the handshake up to date.
func (m *Machine) fillEstablished(c *conn, window uint32) {
	stamps := c.s.stamps
	m.fillSide(c)
	c.s.stamps = stamps
	c.s.send.window, c.s.send.widest = window, window
}

// startRequest decides how the interned request goes out: by itself, from the
// entry alone, when it is one segment and fits the window; through a side
// record otherwise.
func (m *Machine) startRequest(c *conn, r *Result, window uint32) {
	e := c.e
	if e.Flags&(request|finQueued) == 0 {
		return
	}
	size := 0
	if e.Flags&request != 0 {
		size = m.requests.Len(c.x.Request)
	}
	if c.s == nil && size <= m.segmentSize(c) && uint32(size) <= window {
		return
	}
	if c.s == nil {
		if !m.needSide(c) {
			m.Counters.Drops[DropNoSide]++
			*r = m.fail(c, NoMemory)
			return
		}
		c.s.send.window, c.s.send.widest = window, window
	}
	c.s.send.end = e.SndNxt.Add(size)
	c.s.send.queue.Reset(c.s.send.end)
	e.Flags &^= request
}

// backToSynSent follows a RST that does not acknowledge our SYN. RFC 9293
// §3.10.7.4 has it refuse the connection, but the SYN may have been a
// stranger's, and the RST his, or the true peer's answer to what we made of it.
func (m *Machine) backToSynSent(c *conn) Result {
	e := c.e
	e.State = conntable.SynSent
	e.Flags &^= sackOK | stampsOK | ackNow | sendSYN
	e.Scale, e.SndMSS = m.scale<<4, mssDefault
	return m.drop(DropRSTInSynSent)
}

// stepSynReceived handles a segment after a simultaneous open; only what is
// acceptable in the window can complete it.
func (m *Machine) stepSynReceived(c *conn, g *linklayer.Segment) Result {
	e := c.e
	proven := g.Flags&linklayer.ACK != 0 && g.Ack == e.SndNxt // only the peer can know our ISN
	switch {
	case g.Flags&linklayer.RST != 0 && proven:
		// The answer to our SYN-ACK, or, where the SYN was a stranger's, to our
		// SYN: that one has no number of the peer's.
		return m.fail(c, Refused)
	case g.Flags&linklayer.RST != 0 && g.Seq == e.RcvNxt:
		return m.backToSynSent(c)
	case g.Flags&linklayer.RST != 0:
		return m.drop(DropRSTOutOfWindow)
	case g.Flags&linklayer.SYN != 0 && proven:
		// The peer's SYN-ACK for our SYN: it says the same as an ACK. When it
		// has another number than the SYN before, that was a stranger's.
		if g.Seq+1 != e.RcvNxt {
			if !m.negotiate(c, g) {
				return m.fail(c, NoMemory)
			}
			return m.establish(c, g)
		}
		return m.establish(c, &linklayer.Segment{Seq: e.RcvNxt, Ack: g.Ack, Flags: linklayer.ACK, Window: g.Window})
	case g.Flags&linklayer.SYN != 0:
		if m.challenged.may(c) {
			e.Flags |= sendSYN
		}
		return m.drop(DropSYNChallenged)
	}
	if !m.paws(c, g) {
		return Result{}
	}
	switch {
	case g.Flags&linklayer.ACK == 0:
		return m.drop(DropNoACK)
	case g.Ack != e.SndNxt:
		m.Counters.Drops[DropACKOfUnsent]++
		return m.refuse(g)
	case !g.Seq.In(e.RcvNxt, uint32(e.RcvEdge-e.RcvNxt)):
		e.Flags |= ackNow
		return m.drop(DropOutOfWindow)
	}
	c.takeStamp(g)
	window := uint32(g.Window) << (e.Scale & 15)
	r := m.establish(c, g)
	if r.Events&Failed == 0 {
		m.setWindow(c, g, window)
		m.receive(c, g, &r)
	}
	return r
}
