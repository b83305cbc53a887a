package fetch

import (
	"context"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/robots"
	"myriad/examples/internal/weburl"
)

// robotsHops is how many redirects of a robots.txt are followed (RFC 9309
// §2.3.1.2 asks for at least five).
const robotsHops = 5

// Robots fetches the robots.txt of a task's site. An error means that the
// server could not be reached, in which case RFC 9309 §2.3.1.4 forbids to
// fetch anything else.
func (f *Fetcher) Robots(ctx context.Context, t *frontier.Task) (*robots.Rules, error) {
	address := t.Site + "/robots.txt"
	for range robotsHops {
		r, err := f.get(ctx, t, address, func(*Reply) bool { return true })
		if err != nil && (r.Status == 0 || Reason(err) != TooLarge) {
			return nil, err
		}
		rules := robots.Parse(r.Status, r.Body)
		r.Release()
		if r.Location == "" {
			return rules, nil
		}
		if site, _, _ := weburl.Split(r.Location); site != t.Site {
			defer CloseIdle(t.Slot) // it is no connection of this site
		}
		address = r.Location
	}
	return robots.Parse(404, nil), nil // as if there were none, says the RFC
}
