package handshake

import (
	"errors"
	"time"

	"myriad/conntable"
	"myriad/internal/seq"
	"myriad/linklayer"
)

// Errors of Write.
var (
	ErrNotOpen  = errors.New("handshake: write: the connection cannot send")
	ErrNoMemory = errors.New("handshake: write: buffer memory or side records are used up")
)

// segmentSize is the largest payload of one segment, options taken off (RFC
// 9293 §3.7.1).
func (m *Machine) segmentSize(c *conn) int {
	if c.e.Flags&stampsOK != 0 {
		return int(c.e.SndMSS) - 12
	}
	return int(c.e.SndMSS)
}

// canSend: the connection stands, or will, and no FIN was asked for.
func canSend(e *conntable.Entry) bool {
	switch e.State {
	case conntable.Established, conntable.CloseWait:
		return e.Flags&(finQueued|sendRST) == 0
	}
	return false
}

// Write queues a copy of data and returns how much of it was taken: what fits
// into Config.SendBuffer. After a short Write the event Writable follows.
func (m *Machine) Write(i uint32, data []byte, now time.Duration) (int, error) {
	var c conn
	m.load(&c, i, now)
	if !canSend(c.e) {
		return 0, ErrNotOpen
	}
	if !m.promote(&c) {
		return 0, ErrNoMemory
	}
	s := &c.s.send
	take := min(len(data), max(m.cfg.SendBuffer-m.queued(&c), 0))
	if take > 0 && s.queue.WriteAt(m.chunks, s.end, data[:take]) != nil {
		return 0, ErrNoMemory
	}
	s.end = s.end.Add(take)
	if take < len(data) {
		c.e.Flags |= blocked
	}
	return take, nil
}

// WriteRequest queues an interned request without a copy where nothing else is
// queued, and with one otherwise. It takes all of it or nothing.
func (m *Machine) WriteRequest(i, id uint32, now time.Duration) (int, error) {
	var c conn
	m.load(&c, i, now)
	size := m.requests.Len(id)
	if !canSend(c.e) {
		return 0, ErrNotOpen
	}
	idle := c.e.SndUna == c.e.SndNxt && c.e.Flags&request == 0 && m.queued(&c) == 0
	if !idle {
		if size > m.cfg.SendBuffer-m.queued(&c) {
			c.e.Flags |= blocked
			return 0, nil
		}
		return m.Write(i, (*m.requests.list.Load())[id-1].data, now)
	}
	c.x.Request, c.x.RequestSeq = id, c.e.SndNxt
	if c.s == nil && size <= m.segmentSize(&c) && uint32(size) <= m.sendWindow(&c) {
		c.e.Flags |= request
		return size, nil
	}
	if !m.needSide(&c) {
		return 0, ErrNoMemory
	}
	c.s.send.end = c.e.SndNxt.Add(size)
	c.s.send.queue.Reset(c.s.send.end)
	return size, nil
}

// promote gives a plain connection a side record, and leaves to it a request
// that was not sent yet.
func (m *Machine) promote(c *conn) bool {
	if c.s != nil {
		return true
	}
	if !m.needSide(c) {
		return false
	}
	if c.e.Flags&request != 0 {
		c.e.Flags &^= request
		c.s.send.end = c.e.SndNxt.Add(m.requests.Len(c.x.Request))
		c.s.send.queue.Reset(c.s.send.end)
	}
	return true
}

// payload puts the bytes [at, at+n) of the stream, or the first of them, into
// out, and returns how many.
func (m *Machine) payload(c *conn, at seq.Number, n int, out *Out) int {
	if c.x.Request != 0 {
		offset, size := at.Since(c.x.RequestSeq), m.requests.Len(c.x.Request)
		if offset >= 0 && offset < size {
			m.requests.piece(c.x.Request, offset, n, out)
			return len(out.Segment.Payload)
		}
	}
	if c.s == nil {
		return 0
	}
	first := c.s.send.queue.Peek(m.chunks, at, n)
	out.Segment.Payload = first
	if len(first) < n && len(first) > 0 {
		out.Segment.Payload2 = c.s.send.queue.Peek(m.chunks, at.Add(len(first)), n-len(first))
	}
	return len(first) + len(out.Segment.Payload2)
}

// senderACK is a side record's part of an ACK: acked new bytes (perhaps 0), and
// before, the window until now.
func (m *Machine) senderACK(c *conn, g *linklayer.Segment, acked int, before uint32) {
	e, s := c.e, &c.s.send
	r, size := &s.recovery, m.segmentSize(c)
	if s.timed && acked > 0 && g.Ack.AtOrAfter(s.timedEnd) {
		s.timed = false
		s.rto.Sample(c.now-s.timedAt, m.cfg.RTOMin, rtoMax)
	}
	if e.Flags&sackOK != 0 {
		r.sack(g.Options.SACK[:g.Options.SACKCount], g.Ack, e.SndNxt)
	}
	if acked > 0 {
		limited := r.pipe(e.SndUna, e.SndNxt, size)+2*size >= int(r.cwnd) || r.cwnd < r.ssthresh
		r.progress(g.Ack, acked, size, limited)
	} else if e.SndNxt != e.SndUna && len(g.Payload) == 0 && s.window == before && r.dupACKs < 255 {
		r.dupACKs++
	}
	if before == 0 && s.window > 0 && g.Ack != e.SndNxt {
		// The window is open again: what probed it goes first.
		r.active, r.high, r.rtx, r.lost = true, e.SndNxt, g.Ack, e.SndNxt
	}
	if s.window == 0 {
		e.Retries = 0 // the peer is there; it is only slow (RFC 9293 M37)
	}
	m.findLoss(c, g.Ack, size)
}

// findLoss enters or extends fast recovery.
func (m *Machine) findLoss(c *conn, una seq.Number, size int) {
	r := &c.s.send.recovery
	edge := una
	if r.count > 0 {
		edge = r.lostEdge(una, size)
	} else if r.dupACKs >= duplicateThreshold && una.AtOrAfter(r.high) {
		edge = una.Add(size)
	}
	if edge.AtOrBefore(una) {
		return
	}
	if !r.active {
		m.Counters.FastRecoveries++
		r.enter(una, c.e.SndNxt, size, false)
	}
	r.lost = r.lost.Max(edge)
}
