package gnucrawl

import (
	"bufio"
	"encoding/binary"
	"io"
	"iter"
	"time"

	"myriad/examples/internal/gnutella"
)

// Node is what is known of a node that was contacted.
type Node struct {
	Address   gnutella.Address
	Reason    Reason
	Status    int
	Ultrapeer bool
	LiveSince int64
	Agent     []byte // as a JSON string; nil when it did not say, borrowed
	Attempts  int
	crawl     *Crawl
	peers     []place
	leaves    []place
}

// Peers yields the ultrapeers that the node named, in its order.
func (n *Node) Peers() iter.Seq[gnutella.Address] { return n.addresses(n.peers) }

// Leaves yields the leaves that the node named, in its order.
func (n *Node) Leaves() iter.Seq[gnutella.Address] { return n.addresses(n.leaves) }

// Degree is the number of peers and of leaves that the node named.
func (n *Node) Degree() (peers, leaves int) { return len(n.peers), len(n.leaves) }

func (n *Node) addresses(places []place) iter.Seq[gnutella.Address] {
	return func(yield func(gnutella.Address) bool) {
		for _, p := range places {
			if !yield(n.crawl.table.address(p)) {
				return
			}
		}
	}
}

// Nodes yields the nodes that were contacted, once Run has returned and the
// client is closed. A Node is borrowed until the next.
func (c *Crawl) Nodes() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		n := Node{crawl: c}
		for r, h := range c.records() {
			n.Address, n.Reason, n.Status = c.table.address(r.node), r.reason, int(r.status)
			n.Ultrapeer, n.LiveSince, n.Attempts = r.ultrapeer, r.liveSince, int(r.attempts)
			n.Agent = h.agents.quoted[r.agent]
			n.peers, n.leaves = h.store.edgesOf(r)
			if !yield(&n) {
				return
			}
		}
	}
}

func (c *Crawl) records() iter.Seq2[*record, *handler] {
	return func(yield func(*record, *handler) bool) {
		for _, h := range c.handlers {
			for _, piece := range h.store.records {
				for i := range piece {
					if !yield(&piece[i], h) {
						return
					}
				}
			}
		}
	}
}

// Leaves yields the nodes that were named as leaves only, and how often.
func (c *Crawl) Leaves() iter.Seq2[gnutella.Address, int] {
	return func(yield func(gnutella.Address, int) bool) {
		for _, slot := range c.table.slots {
			if slot&(leafBit|wantedBit) == leafBit &&
				!yield(gnutella.Address(slot&addressMask), int(slot>>namedShift)) {
				return
			}
		}
	}
}

// Began is when the crawl began.
func (c *Crawl) Began() time.Time { return c.began }

// edgesMagic begins a file of edges.
const edgesMagic = "MYRIAD GNUTELLA EDGES 1\n"

// WriteEdges writes the edges: edgesMagic; then for each node that answered
// its address in 6 bytes (IPv4, port), the numbers of its peers and of its
// leaves in 2 bytes each, and the addresses of those; all big-endian.
func (c *Crawl) WriteEdges(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<20)
	_, _ = out.WriteString(edgesMagic) // the error stays for Flush
	var b []byte
	for n := range c.Nodes() {
		if n.Reason != OK {
			continue
		}
		b = appendSix(b[:0], n.Address)
		b = binary.BigEndian.AppendUint16(b, uint16(len(n.peers)))
		b = binary.BigEndian.AppendUint16(b, uint16(len(n.leaves)))
		for a := range n.Peers() {
			b = appendSix(b, a)
		}
		for a := range n.Leaves() {
			b = appendSix(b, a)
		}
		_, _ = out.Write(b)
	}
	return out.Flush()
}

// WriteEdgesText writes a line for each edge: the address of a node that
// answered, a tab, that of one that it named, a tab, and peer or leaf.
func (c *Crawl) WriteEdgesText(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<20)
	var b []byte
	write := func(from gnutella.Address, list iter.Seq[gnutella.Address], as string) {
		for a := range list {
			b = append(from.Append(b[:0]), '\t')
			b = append(append(a.Append(b), '\t'), as...)
			_, _ = out.Write(append(b, '\n')) // the error stays for Flush
		}
	}
	for n := range c.Nodes() {
		if n.Reason == OK {
			write(n.Address, n.Peers(), "peer")
			write(n.Address, n.Leaves(), "leaf")
		}
	}
	return out.Flush()
}

func appendSix(b []byte, a gnutella.Address) []byte {
	return append(b, byte(a>>40), byte(a>>32), byte(a>>24), byte(a>>16), byte(a>>8), byte(a))
}
