package overlay

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"myriad/examples/internal/gnucrawl"
	"myriad/examples/internal/gnutella"
)

// wrongMax is how many deviations are told.
const wrongMax = 5

// checker compares a crawl with the network.
type checker struct {
	o      *Overlay
	seen   []bool
	agents map[string]string // as JSON strings
	room   []gnutella.Address
	wrong  []error
	more   int
}

// Check is nil if a crawl found every node and every edge of the network, and
// nothing else.
func (o *Overlay) Check(c *gnucrawl.Crawl) error {
	k := &checker{o: o, seen: make([]bool, o.nodes), agents: make(map[string]string)}
	for _, a := range userAgents {
		quoted, err := json.Marshal(a)
		if err != nil {
			return err
		}
		k.agents[a] = string(quoted)
	}
	for n := range c.Nodes() {
		k.node(n)
	}
	for node, seen := range k.seen {
		if !seen {
			k.say("%v was not found", o.Address(uint32(node)))
		}
	}
	k.leaves(c)
	if k.more > 0 {
		k.wrong = append(k.wrong, fmt.Errorf("overlay: and %d more", k.more))
	}
	return errors.Join(k.wrong...)
}

func (k *checker) say(format string, args ...any) {
	if len(k.wrong) == wrongMax {
		k.more++
		return
	}
	k.wrong = append(k.wrong, fmt.Errorf("overlay: "+format, args...))
}

// node checks one node and all its edges.
func (k *checker) node(n *gnucrawl.Node) {
	node, ok := k.o.Node(n.Address)
	if !ok || k.seen[node] {
		k.say("%v is not there, or came twice", n.Address)
		return
	}
	k.seen[node] = true
	switch k.o.State(node) {
	case Absent:
		if n.Reason.String() != "refused" {
			k.say("%v: %v, not refused", n.Address, n.Reason)
		}
		return
	case Busy:
		if n.Reason != gnucrawl.Busy || n.Status != 503 {
			k.say("%v: status %d, %v, not busy", n.Address, n.Status, n.Reason)
		}
		return
	}
	peers, leaves := n.Degree()
	switch {
	case n.Reason != gnucrawl.OK:
		k.say("%v: %v", n.Address, n.Reason)
	case !n.Ultrapeer, n.LiveSince != k.o.liveSince(node).Unix(), string(n.Agent) != k.agents[k.o.agent(node)]:
		k.say("%v: ultrapeer %t, live since %d, %s", n.Address, n.Ultrapeer, n.LiveSince, n.Agent)
	default:
		k.room = k.o.AppendPeers(k.room[:0], node)
		k.list(n.Address, "peers", peers, n.Peers())
		k.room = k.o.AppendLeaves(k.room[:0], node)
		k.list(n.Address, "leaves", leaves, n.Leaves())
	}
}

// list compares addresses with those in room, in their order.
func (k *checker) list(of gnutella.Address, what string, count int, list iter.Seq[gnutella.Address]) {
	i := 0
	for a := range list {
		if i == len(k.room) || k.room[i] != a {
			break
		}
		i++
	}
	if i != len(k.room) || count != i {
		k.say("%v: of %d %s %d are as they should be, of %d found", of, len(k.room), what, i, count)
	}
}

// leaves checks that each leaf that hangs on a node that answers was found,
// and how often.
func (k *checker) leaves(c *gnucrawl.Crawl) {
	found := make([]uint8, k.o.leaves())
	for a, parents := range c.Leaves() {
		leaf, ok := leafAt(a)
		if !ok || leaf >= k.o.leaves() {
			k.say("leaf %v is not there", a)
			continue
		}
		found[leaf] = uint8(min(parents, 255))
	}
	for leaf, parents := range found {
		if want := k.o.parents(uint64(leaf)); want != int(parents) {
			k.say("leaf %v: named by %d, not %d", leafAddress(uint64(leaf)), parents, want)
		}
	}
}
