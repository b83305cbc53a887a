package overlay

import (
	"runtime"
	"sync"
	"sync/atomic"

	"myriad/examples/internal/gnutella"
)

// textsPiece is how many ultrapeers' texts lie in one piece of memory.
const textsPiece = 1 << 12

// Texts are the replies of all ultrapeers, written beforehand: about 1,350
// bytes each. They may be read by any number of goroutines.
type Texts struct {
	pieces [][]byte
	ends   []uint32 // of each ultrapeer's text, in its piece
}

// Texts writes the replies of all ultrapeers, on all processors.
func (o *Overlay) Texts() *Texts {
	t := &Texts{pieces: make([][]byte, (o.nodes+textsPiece-1)/textsPiece), ends: make([]uint32, o.nodes)}
	var next atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			var work []byte
			var room []gnutella.Address
			for k := next.Add(1) - 1; int(k) < len(t.pieces); k = next.Add(1) - 1 {
				work = work[:0]
				for node := uint32(k) * textsPiece; node < min(uint32(k+1)*textsPiece, o.nodes); node++ {
					work = o.AppendReply(work, node, &room)
					t.ends[node] = uint32(len(work))
				}
				t.pieces[k] = append(make([]byte, 0, len(work)), work...)
			}
		})
	}
	group.Wait()
	return t
}

// Reply is what an ultrapeer answers to a crawler; it may not be changed.
func (t *Texts) Reply(node uint32) []byte {
	piece, from, to := t.Where(node)
	return t.pieces[piece][from:to]
}

// Where is the piece that a reply lies in, its first byte there, and the one
// behind its last.
func (t *Texts) Where(node uint32) (piece int, from, to uint32) {
	if node%textsPiece > 0 {
		from = t.ends[node-1]
	}
	return int(node / textsPiece), from, t.ends[node]
}

// Pieces are the replies as they lie in memory. Another place may be put in
// for each, with the same bytes, before anybody reads.
func (t *Texts) Pieces() [][]byte { return t.pieces }
