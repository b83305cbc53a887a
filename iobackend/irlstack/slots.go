package irlstack

import "myriad/iobackend"

// Where a send slot is.
const (
	slotFree    uint8 = iota
	slotOurs          // reserved
	slotSending       // in a request
)

// slots is the send memory: frames' slots, each as long as a header and the
// longest frame, one after the other, so that neighbours make one request.
type slots struct {
	memory     []byte
	stride     int // of slots, in bytes
	frameBytes int
	state      []uint8
	run        []run    // by a request's first slot
	free       []uint32 // a ring: first freed, first reserved, which keeps neighbours together
	head, size int
}

// run is a request of adjoining slots.
type run struct{ count, bytes int }

// sendBit marks the handles of send frames.
const sendBit = 1 << 63

func newSlots(count, frameBytes int) *slots {
	s := &slots{stride: Stride(frameBytes), frameBytes: frameBytes, size: count}
	s.memory = make([]byte, count*s.stride)
	s.state, s.run, s.free = make([]uint8, count), make([]run, count), make([]uint32, count)
	for k := range s.free {
		s.free[k] = uint32(k)
	}
	return s
}

// reserve takes free slots.
func (s *slots) reserve(frames []iobackend.Frame) int {
	n := min(len(frames), s.size)
	for k := range n {
		slot := s.free[s.head]
		if s.head++; s.head == len(s.free) {
			s.head = 0
		}
		s.state[slot] = slotOurs
		at := int(slot)*s.stride + HeaderBytes
		f := &frames[k]
		f.Data = s.memory[at : at+s.frameBytes : at+s.frameBytes]
		f.Handle, f.More, f.ChecksumOK, f.ChecksumPartial = sendBit|uint64(slot), false, false, false
	}
	s.size -= n
	return n
}

// release makes count slots from first on free again.
func (s *slots) release(first, count int) {
	for slot := first; slot < first+count; slot++ {
		at := s.head + s.size
		if at >= len(s.free) {
			at -= len(s.free)
		}
		s.free[at] = uint32(slot)
		s.state[slot] = slotFree
		s.size++
	}
}

// slot returns the slot of a reserved frame; false for any other.
func (s *slots) slot(f *iobackend.Frame) (int, bool) {
	k := f.Handle &^ sendBit
	if f.Handle&sendBit == 0 || k >= uint64(len(s.state)) || s.state[k] != slotOurs {
		return 0, false
	}
	return int(k), true
}

// request is the memory of count slots from first on, the last one cut after
// its frame.
func (s *slots) request(first, count, lastStride int) []byte {
	at := first * s.stride
	return s.memory[at : at+(count-1)*s.stride+lastStride]
}
