package overlay

import (
	"fmt"
	"net/netip"

	"myriad/examples/internal/gnutella"
)

const (
	// NodesMin and NodesMax bound the number of ultrapeers.
	NodesMin, NodesMax = 100, 3_000_000

	ways       = 20 // distances at which ultrapeers are joined
	hangs      = 3  // ultrapeers that a leaf may hang on
	leafBlock  = 11 // leaves that may hang on an ultrapeer in one way
	leafMisses = 11 // one in so many does not
)

// Prefix is where the ultrapeers are.
var Prefix = netip.MustParsePrefix("10.64.0.0/10")

const ultrapeerBase, leafBase = 10<<24 | 64<<16, 10<<24 | 128<<16

// Overlay is a network.
type Overlay struct {
	seed      uint64
	nodes     uint32
	distances [ways]uint32
	// In way m the leaves p·11 to p·11+10 may hang on the ultrapeer whose turn is p.
	factor, inverse, shift [hangs]uint64
}

// New makes the network of so many ultrapeers.
func New(seed uint64, nodes int) (*Overlay, error) {
	if nodes < NodesMin || nodes > NodesMax {
		return nil, fmt.Errorf("overlay: %d nodes: give a number from %d to %d", nodes, NodesMin, NodesMax)
	}
	o := &Overlay{seed: seed, nodes: uint32(nodes)}
	taken := map[uint32]bool{}
	for k := range o.distances {
		d := uint32(1)
		for try := uint64(0); taken[d]; try++ {
			d = 1 + uint32(o.hash(uint64(k), try, saltDistance)%uint64((nodes-1)/2))
		}
		taken[d], o.distances[k] = true, d
	}
	n := uint64(nodes)
	for m := range hangs {
		f := o.hash(uint64(m), 0, saltFactor) % n
		for o.inverse[m] == 0 {
			f = f%n + 1
			o.inverse[m] = inverse(f, n)
		}
		o.factor[m], o.shift[m] = f, o.hash(uint64(m), 1, saltFactor)%n
	}
	return o, nil
}

// inverse of f modulo n; 0 when there is none.
func inverse(f, n uint64) uint64 {
	a, b, x, y := int64(f), int64(n), int64(1), int64(0)
	for b != 0 {
		q := a / b
		a, b, x, y = b, a-q*b, y, x-q*y
	}
	if a != 1 {
		return 0
	}
	return uint64((x%int64(n) + int64(n)) % int64(n))
}

const (
	saltDistance = iota + 1
	saltFactor
	saltEdge
	saltLeaf
	saltPort
	saltState
	saltText
)

// hash mixes numbers (the finisher is that of SplitMix64).
func (o *Overlay) hash(a, b, salt uint64) uint64 {
	x := o.seed + a*0x9e3779b97f4a7c15 + b*0xbf58476d1ce4e5b9 + salt*0x94d049bb133111eb
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Nodes is the number of ultrapeers.
func (o *Overlay) Nodes() int { return int(o.nodes) }

// Seed is what the network is made from.
func (o *Overlay) Seed() uint64 { return o.seed }

// Address is where an ultrapeer is.
func (o *Overlay) Address(node uint32) gnutella.Address {
	port := uint64(gnutella.DefaultPort)
	if h := o.hash(uint64(node), 0, saltPort); h%8 == 0 {
		port = 1024 + h>>8%60000
	}
	return gnutella.Address((ultrapeerBase+uint64(node))<<16 | port)
}

// Node is the ultrapeer at an address.
func (o *Overlay) Node(a gnutella.Address) (node uint32, ok bool) {
	node = a.IP() - ultrapeerBase
	return node, node < o.nodes && o.Address(node) == a
}

func leafAddress(leaf uint64) gnutella.Address {
	return gnutella.Address((leafBase+leaf>>2)<<16 | (gnutella.DefaultPort + leaf&3*1111))
}

func leafAt(a gnutella.Address) (leaf uint64, ok bool) {
	leaf = uint64(a.IP()-leafBase)<<2 | (uint64(a.Port())-gnutella.DefaultPort)/1111&3
	return leaf, leafAddress(leaf) == a
}

// State is what becomes of who connects to an ultrapeer.
type State uint8

// The states.
const (
	Here   State = iota + 1 // it answers 200
	Busy                    // it answers 503
	Absent                  // it refuses the connection
)

// State of an ultrapeer. The first is always here.
func (o *Overlay) State(node uint32) State {
	switch o.hash(uint64(node), 0, saltState) % 256 {
	case 0:
		if node != 0 {
			return Busy
		}
	case 1:
		if node != 0 {
			return Absent
		}
	}
	return Here
}

// joined reports whether there is an edge from node over the distance k.
func (o *Overlay) joined(node uint32, k int) bool {
	return k == 0 || o.hash(uint64(node), uint64(k), saltEdge)&3 != 0
}

// AppendPeers adds the ultrapeers that an ultrapeer knows.
func (o *Overlay) AppendPeers(to []gnutella.Address, node uint32) []gnutella.Address {
	for k, d := range o.distances {
		if o.joined(node, k) {
			to = append(to, o.Address(o.around(node+d)))
		}
		if other := o.around(node + o.nodes - d); o.joined(other, k) {
			to = append(to, o.Address(other))
		}
	}
	return to
}

// around is a number in the ring, for one that went past its end.
func (o *Overlay) around(node uint32) uint32 {
	if node >= o.nodes {
		node -= o.nodes
	}
	return node
}

// AppendLeaves adds the leaves that hang on an ultrapeer.
func (o *Overlay) AppendLeaves(to []gnutella.Address, node uint32) []gnutella.Address {
	var turns [hangs]uint64
	for m := range hangs {
		turns[m] = o.turn(node, m)
		for leaf := turns[m] * leafBlock; leaf < (turns[m]+1)*leafBlock; leaf++ {
			if o.hangs(leaf, m) && !o.before(leaf, m, &turns) {
				to = append(to, leafAddress(leaf))
			}
		}
	}
	return to
}

// turn says which block of leaves may hang on a node in one way.
func (o *Overlay) turn(node uint32, m int) uint64 {
	return (uint64(node)*o.factor[m] + o.shift[m]) % uint64(o.nodes)
}

func (o *Overlay) hangs(leaf uint64, m int) bool {
	return o.hash(leaf, uint64(m), saltLeaf)%leafMisses != 0
}

// parent is the ultrapeer that a leaf may hang on in one way.
func (o *Overlay) parent(leaf uint64, m int) uint32 {
	n := uint64(o.nodes)
	return uint32((leaf/leafBlock + n - o.shift[m]) % n * o.inverse[m] % n)
}

// before reports whether the leaf hangs on the node with these turns in an
// earlier way already.
func (o *Overlay) before(leaf uint64, m int, turns *[hangs]uint64) bool {
	for earlier := range m {
		if turns[earlier] == turns[m] && o.hangs(leaf, earlier) {
			return true
		}
	}
	return false
}

// parents is how many ultrapeers name a leaf.
func (o *Overlay) parents(leaf uint64) (count int) {
	for m := range hangs {
		if !o.hangs(leaf, m) {
			continue
		}
		node := o.parent(leaf, m)
		if o.State(node) != Here {
			continue
		}
		var turns [hangs]uint64
		for k := range m + 1 {
			turns[k] = o.turn(node, k)
		}
		if !o.before(leaf, m, &turns) {
			count++
		}
	}
	return count
}

// leaves is the number of leaves there may be.
func (o *Overlay) leaves() uint64 { return uint64(o.nodes) * leafBlock }
