package crawl

import (
	"container/list"
	"context"
	"sync"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/robots"
)

// What is kept of the rules that were used last. A site that comes again after
// so many others is asked for its robots.txt again.
const (
	ruleSites = 20_000
	ruleBytes = 64 << 20 // of the files they were read from
)

// ruleBook holds the rules of the sites met last. Those that nobody has used
// yet stay in any case: the task that fetched them waits for the site's pause
// to end, and would fetch them again, and again, if there are many such sites.
type ruleBook struct {
	mu    sync.Mutex
	sites map[string]*siteRules
	order list.List // of *siteRules that were used, the longest unused first
	bytes int       // of those in order
}

// siteRules are there once known is closed.
type siteRules struct {
	site    string
	known   chan struct{}
	rules   *robots.Rules
	err     error
	element *list.Element // in order, nil before
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
	if first {
		c.counter.change(func(n *Counts) { n.Robots++ })
		s.rules, s.err = c.options.Fetcher.Robots(ctx, t)
		close(s.known)
		if c.options.Rules != nil {
			c.options.Rules(s.site, s.rules, s.err)
		}
		if s.err != nil {
			c.rules.used(s)
		}
		return s.rules, true, s.err
	}
	select {
	case <-s.known:
		c.rules.used(s)
		return s.rules, false, s.err
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
}

func (b *ruleBook) enter(site string) (s *siteRules, first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s = b.sites[site]; s != nil {
		return s, false
	}
	if b.sites == nil {
		b.sites = make(map[string]*siteRules)
	}
	s = &siteRules{site: site, known: make(chan struct{})}
	b.sites[site] = s
	return s, true
}

// used makes rules that are known the last that were used, and drops those
// that were used longest ago if there are too many.
func (b *ruleBook) used(s *siteRules) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.sites[s.site] != s: // dropped while somebody waited for it
	case s.element != nil:
		b.order.MoveToBack(s.element)
	default:
		s.element = b.order.PushBack(s)
		b.bytes += s.rules.Bytes()
	}
	for b.order.Len() > ruleSites || b.bytes > ruleBytes && b.order.Len() > 1 {
		oldest := b.order.Remove(b.order.Front()).(*siteRules)
		delete(b.sites, oldest.site)
		b.bytes -= oldest.rules.Bytes()
	}
}
