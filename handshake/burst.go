package handshake

import "myriad/linklayer"

// SetBurst says how long an IP packet may be that is left to the device to cut
// into frames; 0, which holds at first, for none.
func (m *Machine) SetBurst(bytes int) { m.burst = bytes }

// headersMost is what of an IP packet IPv4 and TCP may take.
const headersMost = 20 + 60

// sendBurst sends new data for the first time, several full segments at once,
// and reports whether there was enough for that.
func (m *Machine) sendBurst(c *conn, size int, out *Out) bool {
	e, s := c.e, &c.s.send
	if m.burst == 0 || c.x.Request != 0 {
		return false
	}
	most := min(m.burst-headersMost, c.unsent(c.pipe(size), s.window))
	b := &out.Burst
	b.Count, b.Bytes = 0, 0
	for b.Bytes < most && b.Count < len(b.Pieces) {
		piece := s.queue.Peek(m.chunks, e.SndNxt.Add(b.Bytes), most-b.Bytes)
		if len(piece) == 0 {
			break
		}
		b.Pieces[b.Count] = piece
		b.Count++
		b.Bytes += len(piece)
	}
	if b.Bytes < 2*size {
		return false
	}
	b.Size = size
	b.shorten(b.Bytes % size)
	out.Segment.Seq = e.SndNxt
	out.Segment.Flags |= linklayer.PSH
	for range b.Bytes/size - 1 {
		e.SndNxt = e.SndNxt.Add(size)
		m.noteSent(c)
	}
	e.SndNxt = e.SndNxt.Add(size)
	m.startRTO(c)
	return true
}

// shorten takes n bytes off the end.
func (b *Burst) shorten(n int) {
	b.Bytes -= n
	for n > 0 {
		last := &b.Pieces[b.Count-1]
		cut := min(n, len(*last))
		*last = (*last)[:len(*last)-cut]
		if len(*last) == 0 {
			b.Count--
		}
		n -= cut
	}
}
