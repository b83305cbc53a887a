package crawl

import (
	"time"

	"myriad/examples/internal/fetch"
	"myriad/examples/internal/frontier"
)

// Reasons beside those of package fetch.
const (
	Disallowed       = "disallowed by robots.txt"
	BadLocation      = "bad location"       // a redirect to no web address
	TooManyRedirects = "too many redirects" // one after another; this one was not followed
)

// Record is what the output says about one URL. Fields that are missing did
// not happen. Times are microseconds; those of the bytes count from the start.
type Record struct {
	URL         string    `json:"url"`
	Start       time.Time `json:"start"`
	Address     string    `json:"address,omitempty"`
	Status      int       `json:"status,omitempty"`
	ContentType string    `json:"content_type,omitempty"`
	Bytes       int64     `json:"bytes"`            // of the body
	Digest      string    `json:"digest,omitempty"` // of the body as it was sent, if it came whole
	Protocol    string    `json:"protocol,omitempty"`
	Links       int       `json:"links"` // to web addresses, each once
	Depth       int       `json:"depth"` // links from a seed
	Location    string    `json:"location,omitempty"`
	Attempts    int       `json:"attempts"`         // to fetch it; 0 where it was not asked for
	Reused      bool      `json:"reused,omitempty"` // the connection was kept from the page before
	ConnectUS   int64     `json:"connect_us,omitempty"`
	FirstByteUS int64     `json:"first_byte_us,omitempty"`
	LastByteUS  int64     `json:"last_byte_us,omitempty"`
	Error       string    `json:"error,omitempty"`  // the reason of the failure
	Detail      string    `json:"detail,omitempty"` // the same in full
}

// textBytes bounds what servers and errors may put into a record, so that a
// line stays within a page of the output.
const textBytes = 300

func newRecord(t *frontier.Task) *Record {
	r := &Record{URL: t.URL, Depth: t.Depth, Start: time.Now().UTC()}
	if t.Addr.IsValid() {
		r.Address = t.Addr.String()
	}
	return r
}

func (r *Record) fail(err error) {
	r.Error, r.Detail = fetch.Reason(err), cut(err.Error())
}

func (r *Record) reply(reply *fetch.Reply) {
	r.Status, r.Bytes, r.Location = reply.Status, reply.Bytes, reply.Location
	r.Digest, r.Protocol = reply.Digest, reply.Proto
	r.ContentType = cut(reply.Header.Get("Content-Type"))
	t := reply.Timing
	r.Start, r.Reused, r.Attempts = t.Start.UTC(), t.Reused, t.Attempts
	r.ConnectUS, r.FirstByteUS, r.LastByteUS = t.Connect.Microseconds(), t.FirstByte.Microseconds(), t.LastByte.Microseconds()
}

func cut(text string) string {
	if len(text) > textBytes {
		return text[:textBytes] + "..."
	}
	return text
}
