package simlink

// piece is a received frame, or part of one, that waits to be received.
type piece struct {
	handle     uint64
	size       int
	more       bool
	checksumOK bool
	handed     bool // by another queue
}

// inbox is a ring of pieces. It is as large as all that can be in it.
type inbox struct {
	ring        []piece
	head, count int
}

func (b *inbox) push(p piece) {
	b.ring[(b.head+b.count)%len(b.ring)] = p
	b.count++
}

func (b *inbox) pop() piece {
	p := b.ring[b.head]
	b.head = (b.head + 1) % len(b.ring)
	b.count--
	return p
}

// packetPieces is the number of pieces of the first packet.
func (b *inbox) packetPieces() int {
	n := 1
	for b.ring[(b.head+n-1)%len(b.ring)].more {
		n++
	}
	return n
}
