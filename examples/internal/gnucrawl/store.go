package gnucrawl

import "myriad/examples/internal/gnutella"

// record is what contacting a node came to.
type record struct {
	node      place
	edges     uint32 // where they begin: piece, and place in it
	liveSince int64
	peers     uint16
	leaves    uint16
	status    uint16
	agent     uint16
	reason    Reason
	attempts  uint8
	ultrapeer bool
	bad       uint16 // entries of its lists that are no address of a host; not in a Journal
	itself    bool   // among those that it names
}

const (
	recordsPiece = 1 << 14
	edgesShift   = 16
	edgesPiece   = 1 << edgesShift
)

// A head names at most one node in 9 bytes; they fit into a piece.
var _ [edgesPiece - gnutella.HeadBytes/9]byte

// store keeps a worker's records and their edges in pieces that never move.
// The edges of a record lie in one piece, peers before leaves.
type store struct {
	records [][]record
	edges   [][]place
}

func (s *store) addRecord(r record) {
	n := len(s.records)
	if n == 0 || len(s.records[n-1]) == recordsPiece {
		s.records = append(s.records, make([]record, 0, recordsPiece))
		n++
	}
	s.records[n-1] = append(s.records[n-1], r)
}

// room returns where the edges of the next record go, and where they begin.
func (s *store) room(count int) (piece *[]place, at uint32) {
	n := len(s.edges)
	if n == 0 || edgesPiece-len(s.edges[n-1]) < count {
		s.edges = append(s.edges, make([]place, 0, edgesPiece))
		n++
	}
	return &s.edges[n-1], uint32(n-1)<<edgesShift | uint32(len(s.edges[n-1]))
}

// edgesOf returns the peers and leaves of a record.
func (s *store) edgesOf(r *record) (peers, leaves []place) {
	if r.peers == 0 && r.leaves == 0 {
		return nil, nil
	}
	from := s.edges[r.edges>>edgesShift][r.edges&(edgesPiece-1):]
	return from[:r.peers], from[r.peers : int(r.peers)+int(r.leaves)]
}
