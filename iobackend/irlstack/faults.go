package irlstack

import "sync/atomic"

// Faults are what was wrong with received request buffers. Where it says "the
// rest", one count stands for all that followed in the buffer.
type Faults struct {
	Version  uint64 // a header of another version; the rest refused
	Header   uint64 // a header of a length that is not the version's; the rest refused
	Stride   uint64 // the next header inside the frame, or not aligned; the rest refused
	PastEnd  uint64 // the next header past the buffer's end; the rest refused
	Torn     uint64 // a header or a frame cut off by the buffer's end; the rest refused
	TooShort uint64 // a frame shorter than an Ethernet header, passed over
	TooLong  uint64 // a frame longer than the MTU allows, passed over
}

// Total is the sum of all.
func (f Faults) Total() uint64 {
	return f.Version + f.Header + f.Stride + f.PastEnd + f.Torn + f.TooShort + f.TooLong
}

// sharedFaults are Faults that other goroutines read.
type sharedFaults struct {
	version, header, stride, pastEnd, torn, tooShort, tooLong atomic.Uint64
}

func (s *sharedFaults) store(f *Faults) {
	s.version.Store(f.Version)
	s.header.Store(f.Header)
	s.stride.Store(f.Stride)
	s.pastEnd.Store(f.PastEnd)
	s.torn.Store(f.Torn)
	s.tooShort.Store(f.TooShort)
	s.tooLong.Store(f.TooLong)
}

func (s *sharedFaults) load() Faults {
	return Faults{
		s.version.Load(), s.header.Load(), s.stride.Load(), s.pastEnd.Load(),
		s.torn.Load(), s.tooShort.Load(), s.tooLong.Load(),
	}
}
