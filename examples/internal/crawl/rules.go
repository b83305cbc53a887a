package crawl

import (
	"container/list"
	"context"
	"sync"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/robots"
)

// ruleSites is how many sites' rules are kept in memory: those asked for last.
// A site that comes again after so many others is asked for its robots.txt
// again.
const ruleSites = 20_000

// ruleBook holds the rules of the sites met last.
type ruleBook struct {
	mu    sync.Mutex
	sites map[string]*siteRules
	order list.List // of *siteRules, the longest unused first
}

// siteRules are there once known is closed.
type siteRules struct {
	site    string
	known   chan struct{}
	rules   *robots.Rules
	err     error
	element *list.Element
}

// noRules allow everything.
var noRules = robots.Parse(404, nil)

// ask returns the rules of a task's site. The first task of a site fetches
// them, and learns so by fetched; the others wait. A site that cannot be
// reached is not asked again: all of its URLs get the same error.
func (c *Crawl) ask(ctx context.Context, t *frontier.Task) (rules *robots.Rules, fetched bool, err error) {
	if c.options.IgnoreRobots {
		return noRules, false, nil
	}
	s, first := c.rules.enter(t.Site)
	if !first {
		select {
		case <-s.known:
			return s.rules, false, s.err
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
	c.counter.change(func(n *Counts) { n.Robots++ })
	s.rules, s.err = c.options.Fetcher.Robots(ctx, t)
	close(s.known)
	return s.rules, true, s.err
}

func (b *ruleBook) enter(site string) (s *siteRules, first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s = b.sites[site]; s != nil {
		b.order.MoveToBack(s.element)
		return s, false
	}
	if b.sites == nil {
		b.sites = make(map[string]*siteRules)
	}
	s = &siteRules{site: site, known: make(chan struct{})}
	s.element = b.order.PushBack(s)
	b.sites[site] = s
	if len(b.sites) > ruleSites {
		oldest := b.order.Remove(b.order.Front()).(*siteRules)
		delete(b.sites, oldest.site) // whoever waits for it holds on to it
	}
	return s, true
}
