package tcpclient

import "sync"

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
