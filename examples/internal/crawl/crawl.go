package crawl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"myriad/examples/internal/fetch"
	"myriad/examples/internal/frontier"
	"myriad/examples/internal/jsonl"
	"myriad/examples/internal/page"
	"myriad/examples/internal/robots"
)

// Fetcher fetches pages and robots.txt files by the slot of a task.
type Fetcher interface {
	Fetch(ctx context.Context, t *frontier.Task) (fetch.Reply, error)
	Robots(ctx context.Context, t *frontier.Task) (*robots.Rules, error)
}

// Options say what a crawl works with.
type Options struct {
	Frontier *frontier.Frontier // holds the seeds already
	Fetcher  Fetcher
	// Lookup finds an address of a name.
	Lookup func(ctx context.Context, host string) (netip.Addr, error)
	// Write takes records, from many goroutines; an error ends the crawl.
	Write func(*Record) error
	// Archive takes what was exchanged, before the record is written, from many
	// goroutines; err is why the reply is not whole. It must not keep the
	// reply. An error ends the crawl. nil archives nothing.
	Archive func(t *frontier.Task, reply *fetch.Reply, err error) error
	// Rules is told what the robots.txt of a site asks for, or why it could not
	// be had, once each; nil is nobody.
	Rules func(site string, rules *robots.Rules, err error)
	// Parallel is the number of URLs in hand, and Lookups of names in hand,
	// at a time.
	Parallel, Lookups int
	// PagesMax ends the crawl after so many records; 0 is without limit.
	PagesMax int
	// DepthMax is how many links from a seed pages may be away; 0 is without
	// limit. A redirect counts for nothing.
	DepthMax int
	// RedirectsMax is how many redirects are followed one after another.
	RedirectsMax int
	// IgnoreRobots fetches without asking.
	IgnoreRobots bool
}

// Crawl is one crawl. It is run once.
type Crawl struct {
	options Options
	rules   ruleBook
	counter counter
	claimed atomic.Int64 // records begun
	abort   context.CancelCauseFunc
}

// New prepares a crawl.
func New(o Options) *Crawl { return &Crawl{options: o} }

// Counts may be called at any time.
func (c *Crawl) Counts() Counts { return c.counter.read() }

// Run crawls until nothing is left, PagesMax is reached or ctx ends. It
// returns the context's error, or that of Options.Write.
func (c *Crawl) Run(ctx context.Context) error {
	ctx, c.abort = context.WithCancelCause(ctx)
	defer c.abort(nil)
	var running sync.WaitGroup
	for range c.options.Lookups {
		running.Go(func() { c.lookUp(ctx) })
	}
	for range c.options.Parallel {
		running.Go(func() { c.work(ctx) })
	}
	running.Wait()
	return context.Cause(ctx)
}

// lookUp finds addresses for names until there are none to be found.
func (c *Crawl) lookUp(ctx context.Context) {
	for {
		host, err := c.options.Frontier.Name(ctx)
		if err != nil {
			return
		}
		addr, err := c.options.Lookup(ctx, host)
		if ctx.Err() != nil {
			return
		}
		c.counter.change(func(n *Counts) { n.Names++ })
		c.options.Frontier.Found(host, addr, err)
	}
}

// work handles tasks until there are none.
func (c *Crawl) work(ctx context.Context) {
	for ctx.Err() == nil {
		t, err := c.options.Frontier.Next(ctx)
		if err != nil {
			c.ended(ctx, err)
			return
		}
		c.handle(ctx, t)
	}
}

// ended tells an end of the frontier that is none of the crawl.
func (c *Crawl) ended(ctx context.Context, err error) {
	if err != io.EOF && ctx.Err() == nil {
		c.abort(fmt.Errorf("crawl: frontier: %w", err))
	}
}

// handle brings one task to its end.
func (c *Crawl) handle(ctx context.Context, t *frontier.Task) {
	if t.Err != nil {
		c.finish(t, func(r *Record) error { return t.Err })
		return
	}
	rules, fetched, err := c.ask(ctx, t)
	switch {
	case ctx.Err() != nil:
		c.abandon(t)
	case fetched && err == nil:
		c.options.Frontier.Return(t, rules.Delay()) // that was its request for now
	case err != nil:
		c.finish(t, func(*Record) error { return fmt.Errorf("robots.txt: %w", err) })
	case !rules.Allowed(t.URL):
		c.finish(t, func(r *Record) error {
			r.Error = Disallowed
			return nil
		})
	default:
		c.fetch(ctx, t, rules.Delay())
	}
}

func (c *Crawl) fetch(ctx context.Context, t *frontier.Task, pause time.Duration) {
	if !c.claim() {
		c.options.Frontier.Abandon(t)
		return
	}
	reply, err := c.options.Fetcher.Fetch(ctx, t)
	defer reply.Release()
	if err != nil && ctx.Err() != nil {
		c.abandon(t)
		return
	}
	r := newRecord(t)
	r.reply(&reply)
	links := c.linksOf(t, &reply)
	r.Links = len(links)
	switch {
	case reply.Location != "" && t.Redirects >= c.options.RedirectsMax:
		r.Error, links = TooManyRedirects, nil
	case reply.BadLocation:
		r.Error = BadLocation
	}
	if err != nil {
		r.fail(err)
	}
	if c.archive(t, &reply, err) && c.write(r) {
		c.done(t, max(pause, reply.RetryAfter()), links)
	}
}

// linksOf finds the links of what arrived, whole or not.
func (c *Crawl) linksOf(t *frontier.Task, reply *fetch.Reply) []frontier.Link {
	if reply.Location != "" {
		return []frontier.Link{{URL: reply.Location, Depth: t.Depth, Redirects: t.Redirects + 1}}
	}
	base, err := url.Parse(t.URL)
	if err != nil || len(reply.Body) == 0 {
		return nil
	}
	urls := page.Links(reply.Body, reply.Header.Get("Content-Type"), base)
	links := make([]frontier.Link, len(urls))
	for i, u := range urls {
		links[i] = frontier.Link{URL: u, Depth: t.Depth + 1}
	}
	return links
}

// finish writes the record of a URL that was not fetched.
func (c *Crawl) finish(t *frontier.Task, why func(*Record) error) {
	if !c.claim() {
		c.options.Frontier.Abandon(t)
		return
	}
	r := newRecord(t)
	if err := why(r); err != nil {
		r.fail(err)
	}
	if c.write(r) {
		c.done(t, -1, nil)
	}
}

// done ends a task whose record is written.
func (c *Crawl) done(t *frontier.Task, pause time.Duration, links []frontier.Link) {
	if most := c.options.DepthMax; most > 0 && len(links) > 0 && links[0].Depth > most {
		c.counter.change(func(n *Counts) { n.TooDeep += len(links) })
		links = nil
	}
	if err := c.options.Frontier.Done(t, pause, links); err != nil {
		c.abort(fmt.Errorf("crawl: frontier: %w", err))
	}
}

func (c *Crawl) abandon(t *frontier.Task) {
	c.counter.change(func(n *Counts) { n.Abandoned++ })
	c.options.Frontier.Abandon(t)
}

// claim takes one of PagesMax, and ends the crawl with the last.
func (c *Crawl) claim() bool {
	limit := int64(c.options.PagesMax)
	if limit <= 0 {
		return true
	}
	claimed := c.claimed.Add(1)
	if claimed >= limit {
		c.options.Frontier.Stop()
	}
	return claimed <= limit
}

// archive reports whether what was exchanged is where it belongs.
func (c *Crawl) archive(t *frontier.Task, reply *fetch.Reply, err error) bool {
	if c.options.Archive == nil || reply.Status == 0 {
		return true
	}
	if err := c.options.Archive(t, reply, err); err != nil {
		c.abort(fmt.Errorf("crawl: archive: %w", err))
		return false
	}
	return true
}

// write writes a record; one that is too long without the fields that others
// chose the length of. It reports whether the record is written; if it is not,
// the crawl ends.
func (c *Crawl) write(r *Record) bool {
	err := c.options.Write(r)
	if errors.Is(err, jsonl.ErrLong) {
		short := *r
		short.Location, short.ContentType, short.Detail = "", "", "record shortened"
		err = c.options.Write(&short)
	}
	if err != nil {
		c.abort(fmt.Errorf("crawl: output: %w", err))
		return false
	}
	c.counter.add(r)
	return true
}
