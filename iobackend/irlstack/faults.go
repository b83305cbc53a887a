package irlstack

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
