package frontier

import (
	"context"
	"net/netip"
	"time"
)

// Interface is what a crawl asks of its frontier.
type Interface interface {
	// Add takes canonical URLs and returns how many had not been seen before.
	Add(urls []string) (added int)
	// Next waits for a URL that may be fetched now. It returns io.EOF at the
	// end, or the context's error.
	Next(ctx context.Context) (*Task, error)
	// Done ends a task. pause is how long its address is left alone, if that
	// is longer than Limits.Pause; negative when it was not asked at all. Links
	// of the page are added before.
	Done(t *Task, pause time.Duration)
	// Return ends a task whose URL has not been fetched: it comes again, as
	// the first of its site. pause is as in Done.
	Return(t *Task, pause time.Duration)
	// Name waits for a host whose address is to be looked up. Each host is
	// returned once, and Found answers it. It returns io.EOF at the end, or
	// the context's error.
	Name(ctx context.Context) (host string, err error)
	// Found says where a host lives, or why that cannot be found out: then
	// its URLs come as tasks with that error.
	Found(host string, addr netip.Addr, err error)
	// Stop ends the crawl early: Next and Name return io.EOF from now on.
	Stop()
	// Counts says how far things are.
	Counts() Counts
}

// Task is one URL to be fetched.
type Task struct {
	URL  string
	Site string     // "http://host:port", the default port left out
	Addr netip.Addr // where the host lives
	Slot *Slot      // nil when Err is set
	Err  error      // why the host has no address; nothing is to be fetched

	site *site
}

// Slot is the right to one connection. Whoever holds the task may use both
// fields as it likes: they are how a connection is kept from one task to the
// next.
type Slot struct {
	Site string // the site of the connection kept; of the same task, by preference
	Keep any
}

// Limits is what politeness allows.
type Limits struct {
	// PerAddress is the number of slots of one address; at least 1.
	PerAddress int
	// Pause is the time between the end of a task and the beginning of the
	// next one at the same address.
	Pause time.Duration
}

// Counts are totals, and what is in hand now.
type Counts struct {
	Seen      int // URLs ever added
	Waiting   int // URLs not handed out yet
	Active    int // tasks handed out and not ended
	Hosts     int // hosts ever seen
	Addresses int // addresses ever found
}
