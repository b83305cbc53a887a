package afpacket

import (
	"sync/atomic"

	"myriad/iobackend"
)

// mailboxFrames bounds what one queue has handed over to another and that one
// has not yet received.
const mailboxFrames = 1024

// mailbox carries frames from one queue's goroutine to another's, by
// reference.
type mailbox struct {
	_     [64]byte // the two ends' words in cache lines of their own
	head  atomic.Uint64
	_     [56]byte
	tail  atomic.Uint64
	_     [56]byte
	slots [mailboxFrames]iobackend.Frame
}

// put is for the sending queue; false when there is no room.
func (m *mailbox) put(f iobackend.Frame) bool {
	tail := m.tail.Load()
	if tail-m.head.Load() == mailboxFrames {
		return false
	}
	m.slots[tail%mailboxFrames] = f
	m.tail.Store(tail + 1)
	return true
}

func (m *mailbox) empty() bool { return m.head.Load() == m.tail.Load() }

// takeInto moves frames to the receiving queue.
func (m *mailbox) takeInto(frames []iobackend.Frame) (count int) {
	head := m.head.Load()
	available := int(m.tail.Load() - head)
	for count < len(frames) && count < available {
		slot := &m.slots[(head+uint64(count))%mailboxFrames]
		frames[count] = *slot
		*slot = iobackend.Frame{}
		count++
	}
	if count > 0 {
		m.head.Store(head + uint64(count))
	}
	return count
}
