package tcpclient

import (
	"sync"
	"sync/atomic"
)

// unread is the queue of bytes that a Conn has received and nobody has read: a
// list of equal blocks out of a pool, so that it grows and shrinks without
// copying, and a connection with nothing unread holds no memory.
type unread struct {
	blocks [][]byte
	start  int // of what is unread, in blocks[0]
	count  int // bytes unread
}

// unreadBlock is the size of a block: a batch of ten full segments.
const unreadBlock = 16 << 10

var unreadBlocks = sync.Pool{New: func() any { return new([unreadBlock]byte) }}

// put appends a copy of data.
func (u *unread) put(data []byte) {
	u.count += len(data)
	for len(data) > 0 {
		last := len(u.blocks) - 1
		if last < 0 || len(u.blocks[last]) == unreadBlock {
			u.blocks = append(u.blocks, unreadBlocks.Get().(*[unreadBlock]byte)[:0])
			last++
		}
		block := u.blocks[last]
		n := min(len(data), unreadBlock-len(block))
		u.blocks[last] = append(block, data[:n]...)
		data = data[n:]
	}
}

// take moves up to len(p) bytes into p.
func (u *unread) take(p []byte) (count int) {
	for len(p) > 0 && u.count > 0 {
		n := copy(p, u.blocks[0][u.start:])
		p = p[n:]
		count += n
		u.count -= n
		u.start += n
		if u.start == len(u.blocks[0]) {
			u.drop()
		}
	}
	return count
}

// drop gives the first block back. What is left moves down, so that the list
// itself does not creep through memory.
func (u *unread) drop() {
	unreadBlocks.Put((*[unreadBlock]byte)(u.blocks[0][:unreadBlock]))
	n := copy(u.blocks, u.blocks[1:])
	u.blocks[n] = nil
	u.blocks = u.blocks[:n]
	u.start = 0
}

// clear forgets everything.
func (u *unread) clear() {
	for len(u.blocks) > 0 {
		u.drop()
	}
	*u = unread{}
}

// holding counts the blocks that the connections of one worker have, against
// their share of Config.BufferMemory.
type holding struct {
	most   int64 // blocks; 0 is without limit
	blocks atomic.Int64
	held   atomic.Uint64 // times that a connection was held back for want of them
}

func (h *holding) limit(bytes int) { h.most = int64(max(bytes/unreadBlock, 1)) }

func (h *holding) full() bool { return h.most != 0 && h.blocks.Load() >= h.most }

// changed notes that a connection had so many blocks, and has others now.
func (h *holding) changed(before, now int) {
	if before != now {
		h.blocks.Add(int64(now - before))
	}
}

// keep appends to what is unread. The caller holds mu, here and below.
func (c *Conn) keep(data []byte) {
	before := len(c.in.blocks)
	c.in.put(data)
	c.handler.holding.changed(before, len(c.in.blocks))
}

// take moves what is unread into p.
func (c *Conn) take(p []byte) int {
	before := len(c.in.blocks)
	n := c.in.take(p)
	c.handler.holding.changed(before, len(c.in.blocks))
	return n
}

// dropUnread forgets what is unread.
func (c *Conn) dropUnread() {
	c.handler.holding.changed(len(c.in.blocks), 0)
	c.in.clear()
}

// mustPause reports whether the connection holds all that it may. Half a block
// it always may: thousands of short answers that come at once are not held back.
func (c *Conn) mustPause() bool {
	if c.in.count >= c.dialer.readLimit() {
		return true
	}
	if c.in.count > unreadBlock/2 && c.handler.holding.full() {
		c.handler.holding.held.Add(1)
		return true
	}
	return false
}

// mayResume reports whether a connection that was paused may have more. With
// nothing left to read it always may: nobody would wake its reader otherwise.
func (c *Conn) mayResume() bool {
	return c.in.count == 0 || c.in.count <= c.dialer.readLimit()/2 && !c.handler.holding.full()
}
