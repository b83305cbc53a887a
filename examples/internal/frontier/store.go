package frontier

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Link is a URL as a page names it.
type Link struct {
	URL string // canonical
	// Depth is the number of links followed from a seed to it.
	Depth int
	// Redirects is the number of redirects that led to it, one after another.
	Redirects int
}

// Append appends the link as stores keep it: depth, redirects (both as
// varints), URL.
func (l Link) Append(to []byte) []byte {
	to = binary.AppendUvarint(to, uint64(l.Depth))
	to = binary.AppendUvarint(to, uint64(l.Redirects))
	return append(to, l.URL...)
}

// ParseLink reads what Append wrote. What it cannot have written matches
// ErrVersion.
func ParseLink(v []byte) (l Link, err error) {
	depth, n := binary.Uvarint(v)
	redirects, m := binary.Uvarint(v[max(n, 0):])
	if n <= 0 || m <= 0 || depth > math.MaxInt32 || redirects > math.MaxInt32 {
		return l, fmt.Errorf("frontier: %w: a link of %d bytes", ErrVersion, len(v))
	}
	return Link{URL: string(v[n+m:]), Depth: int(depth), Redirects: int(redirects)}, nil
}

// Item is a link that waits to be fetched, or is being fetched.
type Item struct {
	Link
	// Seq is the store's number for it. Of one site, items are taken in
	// ascending order.
	Seq uint64
}

// Store is where the links of a crawl are: those ever seen, and those that
// wait. It decides what is new, and keeps what is finished from coming again,
// whatever becomes of the process. Package disk has it on one machine, package
// stream on several; storetest is what both must pass.
//
// All methods may be called from any goroutine. Errors are of the medium; after
// one the crawl ends.
type Store interface {
	// Start begins. ready is called with each site that has links waiting, and
	// again whenever a site gets more, from any goroutine, also inside Add and
	// Finish. It must not call the store.
	Start(ready func(site string)) error
	// Add adds the links that were never seen to those that wait, and returns
	// how many that were.
	Add(links []Link) (added int, err error)
	// Take hands out up to n waiting links of a site, each once after Start.
	// after is the Seq of the last one taken, 0 in the beginning. With none
	// left it returns none until ready says so.
	Take(site string, after uint64, n int) ([]Item, error)
	// Finish ends an item that was taken, and adds what it led to. Until then
	// it comes again after the next Start.
	Finish(it Item, found []Link) error
	// Counts says how far things are.
	Counts() StoreCounts
	// Close gives everything taken and not finished back.
	Close() error
}

// StoreCounts are totals over all runs of a crawl.
type StoreCounts struct {
	Seen int // links ever added
	Left int // links not finished, those taken included; 0 is the end
	// LeftOut counts links that were refused since their host has as many as
	// it may.
	LeftOut int
}

// Errors of stores.
var (
	// ErrVersion: the store was written by another version of the program.
	ErrVersion = errors.New("store is of another version")
	// ErrClosed: it was closed meanwhile.
	ErrClosed = errors.New("store is closed")
	// ErrInUse: another process has it open.
	ErrInUse = errors.New("store is in use by another process")
)
