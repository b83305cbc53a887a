// Package robots says what a robots.txt allows (RFC 9309).
//
// The parsing is temoto/robotstxt's. What that library cannot make sense of
// allows nothing: a crawler that guesses is no good guest. Rules may be used
// by any number of goroutines.
package robots

import (
	"bytes"
	"math"
	"net/url"
	"time"

	"github.com/temoto/robotstxt"
)

const (
	// Agent is the product token by which a robots.txt addresses us.
	Agent = "MyriadCrawler"
	// BytesMax is how much of a robots.txt is read (RFC 9309 §2.5 asks for at
	// least 500 KiB).
	BytesMax = 500 << 10
	// DelayMax bounds Rules.Delay; a longer one would stall for good.
	DelayMax = time.Minute
)

// Rules are what one site asks of us. The zero value allows nothing.
type Rules struct {
	group *robotstxt.Group
	bytes int
}

// Parse reads the reply to a request for /robots.txt. A client error means
// that there are no rules (RFC 9309 §2.3.1.3); a server error, and everything
// else that was not foreseen, that nothing is allowed (§2.3.1.4).
func Parse(status int, body []byte) *Rules {
	if len(body) > BytesMax {
		// The last line may be cut; half a rule is another rule.
		body = body[:bytes.LastIndexByte(body[:BytesMax], '\n')+1]
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	data, err := robotstxt.FromStatusAndBytes(status, body)
	if err != nil || status >= 500 {
		return &Rules{bytes: len(body)}
	}
	return &Rules{data.FindGroup(Agent), len(body)}
}

// Bytes is the length of what the rules were read from, of which their memory
// is a small multiple.
func (r *Rules) Bytes() int {
	if r == nil {
		return 0
	}
	return r.bytes
}

// Allowed reports whether a canonical URL may be fetched.
func (r *Rules) Allowed(canonical string) bool {
	if r.group == nil {
		return false
	}
	u, err := url.Parse(canonical)
	return err == nil && r.group.Test(u.RequestURI())
}

// Delay is the pause between requests that the site asks for, 0 if it does
// not or asks for less than none.
func (r *Rules) Delay() time.Duration {
	if r.group == nil {
		return 0
	}
	if r.group.CrawlDelay == math.MinInt64 {
		return DelayMax // more seconds than a Duration holds: amd64 converts them to the least of all
	}
	return max(0, min(r.group.CrawlDelay, DelayMax))
}
