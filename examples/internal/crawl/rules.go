package crawl

import (
	"context"
	"sync"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/robots"
)

// ruleBook holds the rules of every site met.
type ruleBook struct {
	mu    sync.Mutex
	sites map[string]*siteRules
}

// siteRules are there once known is closed.
type siteRules struct {
	known chan struct{}
	rules *robots.Rules
	err   error
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
	if b.sites == nil {
		b.sites = make(map[string]*siteRules)
	}
	s = b.sites[site]
	if s == nil {
		s, first = &siteRules{known: make(chan struct{})}, true
		b.sites[site] = s
	}
	return s, first
}
