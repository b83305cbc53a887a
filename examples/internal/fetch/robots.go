package fetch

import (
	"context"
	"errors"
	"fmt"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/robots"
	"myriad/examples/internal/weburl"
)

// robotsHops is how many redirects of a robots.txt are followed (RFC 9309
// §2.3.1.2 asks for at least five).
const robotsHops = 5

// Robots fetches the robots.txt of a task's site. An error means that the
// server could not be reached, in which case RFC 9309 §2.3.1.4 forbids to
// fetch anything else. All hops share the time of one page.
func (f *Fetcher) Robots(ctx context.Context, t *frontier.Task) (*robots.Rules, error) {
	ctx, cancel := context.WithTimeout(ctx, f.options.Timeout)
	defer cancel()
	address := t.Site + "/robots.txt"
	for range robotsHops {
		r, err := f.robotsHop(ctx, t, address)
		if err != nil && (r.Status == 0 || !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrBomb)) {
			r.Release()
			return nil, err
		}
		rules := robots.Parse(r.Status, r.Body)
		r.Release()
		if r.Location == "" {
			return rules, nil
		}
		address = r.Location
	}
	return robots.Parse(404, nil), nil // as if there were none, says the RFC
}

// robotsHop asks one server, the task's own or another one's.
func (f *Fetcher) robotsHop(ctx context.Context, t *frontier.Task, address string) (Reply, error) {
	wanted := func(*Reply) bool { return true }
	site, host, _ := weburl.Split(address)
	if site == t.Site {
		p := f.pinned(t)
		defer f.kept.rest(p)
		return f.get(ctx, p, address, wanted)
	}
	if f.options.Guest == nil {
		return Reply{}, fmt.Errorf("fetch: robots.txt is on another site, %s", site)
	}
	addr, leave, err := f.options.Guest(ctx, host)
	if err != nil {
		return Reply{}, err
	}
	defer leave()
	guest := &frontier.Task{Site: site, Addr: addr, Slot: &frontier.Slot{}}
	guest.URL = address
	p := f.pinned(guest)
	defer p.close()
	return f.get(ctx, p, address, wanted)
}
