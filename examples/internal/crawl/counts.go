package crawl

import (
	"maps"
	"sync"
)

// Counts are totals since the start.
type Counts struct {
	Pages     int            // records written
	Replies   int            // of them, those with a status
	Bytes     int64          // of all bodies
	Links     int            // found, again and again
	ByStatus  map[int]int    // replies by status
	ByReason  map[string]int // failures by reason
	Robots    int            // robots.txt files asked for
	Names     int            // names looked up
	Reused    int            // pages that came over a connection kept
	TooDeep   int            // links beyond Options.DepthMax
	Abandoned int            // URLs being fetched when the crawl was stopped
}

// counter counts records.
type counter struct {
	mu     sync.Mutex
	counts Counts
}

func (c *counter) add(r *Record) {
	c.change(func(n *Counts) {
		n.Pages++
		n.Bytes += r.Bytes
		n.Links += r.Links
		if r.Reused {
			n.Reused++
		}
		if r.Status != 0 {
			n.Replies++
			n.ByStatus[r.Status]++
		}
		if r.Error != "" {
			n.ByReason[r.Error]++
		}
	})
}

func (c *counter) change(f func(*Counts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts.ByStatus == nil {
		c.counts.ByStatus, c.counts.ByReason = make(map[int]int), make(map[string]int)
	}
	f(&c.counts)
}

func (c *counter) read() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.counts
	n.ByStatus, n.ByReason = maps.Clone(n.ByStatus), maps.Clone(n.ByReason)
	return n
}
