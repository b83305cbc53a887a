package gnucrawl

import "slices"

// Spread is how numbers are distributed.
type Spread struct {
	Least, Median, Percentile90, Most int
	Mean                              float64
}

// Graph sums up what a crawl has found.
type Graph struct {
	Contacted  int // nodes named as peers, and seeds
	Answered   int // of them, with 200
	Ultrapeers int // of those, ultrapeers
	Leaves     int // nodes named as leaves only
	LeftOver   int // nodes beyond Options.ContactMax
	TableFull  int // namings that found no room in the table
	Failures   map[string]int
	Agents     int // different user agents; each worker's counted by itself beyond its bound

	PeerEdges, LeafEdges int // namings
	BadEntries           int // of lists, that are no address of a host; of this run
	NamesItself          int // nodes that name themselves; such an edge counts
	PeerDegrees          Spread
	LeafDegrees          Spread

	// Components are the sets of contacted nodes joined by edges in either
	// direction; Largest is the size of the largest.
	Components, Largest int
	// DiameterLeast is a lower bound of the longest of all shortest ways over
	// edges between nodes that were contacted: the longest found from a seed,
	// and from the node farthest from it.
	DiameterLeast int
}

// Graph computes the summary, once Run has returned and the client is closed.
func (c *Crawl) Graph() Graph {
	_, _, _, failures := c.Progress()
	g := Graph{Failures: failures, LeftOver: int(c.left.Load()), TableFull: int(c.full.Load())}
	agents := make(map[string]struct{})
	for _, h := range c.handlers {
		for _, q := range h.agents.quoted[1:] {
			agents[string(q)] = struct{}{}
		}
	}
	g.Agents = len(agents)
	var peers, leaves counter
	for r := range c.records() {
		if r.reason != Excluded {
			g.Contacted++
		}
		g.BadEntries += int(r.bad)
		if r.itself {
			g.NamesItself++
		}
		if r.reason != OK {
			continue
		}
		g.Answered++
		peers.add(int(r.peers))
		if r.ultrapeer {
			g.Ultrapeers++
			leaves.add(int(r.leaves))
		}
	}
	g.PeerEdges, g.LeafEdges = peers.sum, leaves.sum
	g.PeerDegrees, g.LeafDegrees = peers.spread(), leaves.spread()
	for range c.Leaves() {
		g.Leaves++
	}
	web := c.newWeb()
	g.Components, g.Largest = web.components()
	g.DiameterLeast = web.diameter()
	return g
}

// counter counts small numbers by their value.
type counter struct {
	of    []int
	count int
	sum   int
}

func (c *counter) add(n int) {
	for len(c.of) <= n {
		c.of = append(c.of, 0)
	}
	c.of[n]++
	c.count++
	c.sum += n
}

func (c *counter) spread() (s Spread) {
	if c.count == 0 {
		return s
	}
	s.Mean = float64(c.sum) / float64(c.count)
	s.Most = len(c.of) - 1
	s.Least = slices.IndexFunc(c.of, func(n int) bool { return n > 0 })
	s.Median, s.Percentile90 = c.rank(c.count/2), c.rank(c.count*9/10)
	return s
}

// rank is the value that n others come before.
func (c *counter) rank(n int) int {
	for value, count := range c.of {
		if n < count {
			return value
		}
		n -= count
	}
	return len(c.of) - 1
}

// web is the graph of the nodes that were contacted, numbered as they were
// recorded.
type web struct {
	crawl  *Crawl
	number []uint32 // by place: a node's number + 1
	nodes  []*record
	owners []*handler
}

func (c *Crawl) newWeb() *web {
	w := &web{crawl: c, number: make([]uint32, len(c.table.slots))}
	for r, h := range c.records() {
		w.nodes = append(w.nodes, r)
		w.owners = append(w.owners, h)
		w.number[r.node] = uint32(len(w.nodes))
	}
	return w
}

func (w *web) peers(n uint32) []place {
	peers, _ := w.owners[n].store.edgesOf(w.nodes[n])
	return peers
}

// components joins nodes over their edges.
func (w *web) components() (count, largest int) {
	parent := make([]uint32, len(w.nodes))
	for i := range parent {
		parent[i] = uint32(i)
	}
	root := func(n uint32) uint32 {
		for parent[n] != n {
			parent[n] = parent[parent[n]]
			n = parent[n]
		}
		return n
	}
	for n := range parent {
		for _, p := range w.peers(uint32(n)) {
			if m := w.number[p]; m != 0 {
				a, b := root(uint32(n)), root(m-1)
				parent[max(a, b)] = min(a, b)
			}
		}
	}
	sizes := make([]int, len(w.nodes))
	for n := range parent {
		r := root(uint32(n))
		if sizes[r] == 0 {
			count++
		}
		sizes[r]++
		largest = max(largest, sizes[r])
	}
	return count, largest
}

// diameter sweeps from the first seed, and from the node that is farthest from
// it.
func (w *web) diameter() int {
	if len(w.nodes) == 0 {
		return 0
	}
	start := uint32(0)
	for _, seed := range w.crawl.o.Seeds {
		if p, ok := w.crawl.table.find(seed); ok && w.number[p] != 0 {
			start = w.number[p] - 1
			break
		}
	}
	farthest, first := w.sweep(start)
	_, second := w.sweep(farthest)
	return max(first, second)
}

// sweep walks breadth first, and returns the node found last and its distance.
func (w *web) sweep(start uint32) (last uint32, distance int) {
	seen := make([]bool, len(w.nodes))
	seen[start] = true
	level, next := []uint32{start}, []uint32(nil)
	for {
		next = next[:0]
		for _, n := range level {
			for _, p := range w.peers(n) {
				if m := w.number[p]; m != 0 && !seen[m-1] {
					seen[m-1] = true
					next = append(next, m-1)
				}
			}
		}
		last = level[len(level)-1]
		if len(next) == 0 {
			return last, distance
		}
		level, next = next, level
		distance++
	}
}
