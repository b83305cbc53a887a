package linklayer

import "math/rand/v2"

// IDs is a source of IPv4 identifications that an observer cannot predict
// (ChaCha8), so that they tell nothing of how much we send to others. It
// belongs to one goroutine.
type IDs struct {
	source *rand.ChaCha8
	left   uint64
	count  int
}

// NewIDs seeds a source; the seed should come from crypto/rand, or be fixed in
// a simulation.
func NewIDs(seed [32]byte) *IDs {
	return &IDs{source: rand.NewChaCha8(seed)}
}

// Next returns the next identification.
func (s *IDs) Next() uint16 {
	if s.count == 0 {
		s.left, s.count = s.source.Uint64(), 4
	}
	id := uint16(s.left)
	s.left >>= 16
	s.count--
	return id
}
