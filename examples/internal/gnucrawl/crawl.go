package gnucrawl

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"myriad/examples/internal/gnutella"
	"myriad/internal/huge"
	"myriad/tcpclient"
)

// Options say what to crawl and how.
type Options struct {
	Seeds []gnutella.Address
	// Sources are the addresses of the client, which attempts are spread over.
	// Without any the client chooses.
	Sources []netip.Prefix
	// UserAgent is ours.
	UserAgent string
	// Parallel is the number of connections at a time, over all workers.
	Parallel int
	// PerAddress and PerPrefix bound the connections at a time to one address
	// and to one /24; 0 is without limit.
	PerAddress, PerPrefix int
	// NodesMax bounds the nodes that are known; others are counted.
	NodesMax int
	// ContactMax bounds the nodes that are contacted; 0 is without limit.
	ContactMax int
	// Excluded reports whether an address is left alone; nil is none. Such a
	// node is recorded without an attempt.
	Excluded func(netip.Addr) bool
	// Latency takes the round trips of the handshakes; nil is none. Each worker
	// calls it with its index.
	Latency func(worker int, rtt time.Duration)
	// Missed is told of each node that gave no answer, by the workers; nil is
	// nobody.
	Missed func(a gnutella.Address, why Reason, attempts int)
	// Attempts is how often a node is tried that does not answer, or refuses
	// an address that has been there before.
	Attempts int
	// Write takes pages of JSON lines; it is called on one goroutine.
	Write func([]byte) error
	// Journal keeps what was found, and has what a crawl before found; nil is
	// none. With it a crawl that is ended early leaves the lines of leaves to
	// the one that goes on.
	Journal *Journal
	// Leaves is called, on the goroutine of Write, when the lines of all nodes
	// that were contacted are written, and before those of leaves; nil is
	// nothing.
	Leaves func() error
}

// validate refuses what cannot be done.
func (o *Options) validate() error {
	switch {
	case len(o.Seeds) == 0:
		return errors.New("gnucrawl: Seeds: there is nothing to begin with")
	case o.Parallel < 1 || o.NodesMax < 1 || o.NodesMax > 1<<30:
		return fmt.Errorf("gnucrawl: Parallel %d, NodesMax %d: both must be 1 or more, NodesMax at most 2^30", o.Parallel, o.NodesMax)
	case o.Attempts < 1 || o.Attempts > 100:
		return fmt.Errorf("gnucrawl: Attempts %d: give a number from 1 to 100", o.Attempts)
	case o.PerAddress < 0 || o.PerPrefix < 0:
		return fmt.Errorf("gnucrawl: PerAddress %d, PerPrefix %d: both must be 0, for no limit, or more", o.PerAddress, o.PerPrefix)
	case o.Write == nil:
		return errors.New("gnucrawl: Write is nil")
	}
	return nil
}

// Crawl is one crawl. Make it, make the client with its Handler, Run it.
type Crawl struct {
	o        Options
	table    *table
	sources  sources
	client   *tcpclient.Client
	handlers []*handler
	sink     *sink
	began    time.Time

	request, third tcpclient.RequestID

	outstanding atomic.Int64 // nodes wanted and not finished
	wanted      atomic.Int64 // nodes ever wanted
	left        atomic.Int64 // nodes not contacted: beyond ContactMax
	full        atomic.Int64 // namings that found no room
	byReason    [reasonCount]atomic.Int64
	mostAtHost  atomic.Int32
	mostAtNet   atomic.Int32
	ownerShift  uint // netShift where limits want a /24 to be one worker's
	before      int  // nodes from the journal
	stopping    atomic.Bool
	over        chan struct{}
	endOnce     sync.Once
}

// New makes a crawl. It takes the table's memory.
func New(o Options) (*Crawl, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	c := &Crawl{o: o, table: newTable(o.NodesMax), over: make(chan struct{})}
	c.table.slots = huge.Make[uint64](len(c.table.slots))
	if o.PerAddress > 0 || o.PerPrefix > 0 {
		c.ownerShift = netShift
	}
	c.sources = newSources(o.Sources, rand.Uint64())
	c.sink = newSink(o.Write, o.Journal, c.wakeAll)
	return c, nil
}

// Handler makes a worker's handler; give it to tcpclient.New.
func (c *Crawl) Handler(w *tcpclient.Worker) tcpclient.Handler {
	h := &handler{crawl: c, index: w.Index()}
	for len(c.handlers) <= h.index {
		c.handlers = append(c.handlers, nil)
	}
	c.handlers[h.index] = h
	return h
}

// Run starts the client and crawls until all is found or ctx ends, and returns
// when everything is written. The client stays open. It may be called once.
func (c *Crawl) Run(ctx context.Context, client *tcpclient.Client) (err error) {
	c.client = client
	defer func() { err = errors.Join(err, c.sink.close()) }()
	if c.request, err = client.Intern(gnutella.Request(c.o.UserAgent)); err != nil {
		return err
	}
	if c.third, err = client.Intern([]byte(gnutella.ThirdLeg)); err != nil {
		return err
	}
	for _, h := range c.handlers {
		h.prepare(share(c.o.Parallel, h.index, len(c.handlers)))
	}
	if c.o.Journal != nil {
		if err := c.replay(c.o.Journal); err != nil {
			return err
		}
	}
	c.seed()
	c.settleNone()
	c.began = time.Now()
	if err := client.Start(); err != nil {
		return err
	}
	c.wakeAll()
	err = c.wait(ctx)
	c.stopping.Store(true)
	if flushErr := c.flushLines(); err == nil {
		err = flushErr
	}
	if err == nil || c.o.Journal == nil {
		c.sink.then(c.o.Leaves)
		c.writeLeaves()
	}
	return err
}

// settleNone ends a crawl that has nothing to do.
func (c *Crawl) settleNone() {
	if c.outstanding.Load() == 0 {
		c.endOnce.Do(func() { close(c.over) })
	}
}

// seed makes the seeds wanted.
func (c *Crawl) seed() {
	for _, a := range c.o.Seeds {
		if p, first := c.table.name(a, wantedBit); first && c.admit() {
			c.outstanding.Add(1)
			h := c.owner(a)
			h.inbox = append(h.inbox, p)
		}
	}
}

// admit reports whether one more node may be contacted.
func (c *Crawl) admit() bool {
	if n := c.wanted.Add(1); c.o.ContactMax > 0 && n > int64(c.o.ContactMax) {
		c.left.Add(1)
		return false
	}
	return true
}

func (c *Crawl) owner(a gnutella.Address) *handler {
	return c.handlers[int(spread(a>>c.ownerShift)>>16&0xffff)%len(c.handlers)]
}

// watchInterval is the time between two looks at the client.
const watchInterval = 100 * time.Millisecond

// flushLooks is after how many of those the workers hand over their lines,
// however few.
const flushLooks = 10

// wait waits for the end of the crawl, or of what it needs.
func (c *Crawl) wait(ctx context.Context) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for look := 1; ; {
		select {
		case <-c.over:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-c.sink.failed:
			return nil // the sink has the error
		case <-ticker.C:
			if err := c.client.Err(); err != nil {
				return err
			}
			if look++; look%flushLooks == 0 {
				for k, h := range c.handlers {
					_ = c.client.Do(k, func(*tcpclient.Worker) { h.lines.flush() })
				}
			}
		}
	}
}

func (c *Crawl) wakeAll() {
	if c.client == nil {
		return
	}
	for k := range c.handlers {
		c.client.Wake(k)
	}
}

// settle adds to the nodes outstanding, and ends the crawl with the last.
func (c *Crawl) settle(change int64) {
	if change != 0 && c.outstanding.Add(change) == 0 {
		c.endOnce.Do(func() { close(c.over) })
	}
}

// flushLines hands over the workers' last lines.
func (c *Crawl) flushLines() error {
	done := make(chan struct{}, len(c.handlers))
	asked := 0
	var failure error
	for k, h := range c.handlers {
		err := c.client.Do(k, func(*tcpclient.Worker) { h.lines.flush(); done <- struct{}{} })
		if err != nil {
			failure = err
			continue
		}
		asked++
	}
	timeout := time.After(time.Second)
	for range asked {
		select {
		case <-done:
		case <-timeout:
			if err := c.client.Err(); err != nil {
				return err // its workers have ended
			}
			<-done
		}
	}
	return failure
}

// writeLeaves writes a line for each node that was named as a leaf only. It
// uses as many goroutines as there are workers.
func (c *Crawl) writeLeaves() {
	var group sync.WaitGroup
	parts := len(c.handlers)
	for k := range parts {
		size := len(c.table.slots)
		from, to := size/parts*k, size/parts*(k+1)
		if k == parts-1 {
			to = size
		}
		group.Go(func() { c.writeLeavesOf(from, to) })
	}
	group.Wait()
}

func (c *Crawl) writeLeavesOf(from, to int) {
	out := lines{sink: c.sink}
	line := make([]byte, 0, lineMax)
	for at := from; at < to; at++ {
		slot := atomic.LoadUint64(&c.table.slots[at])
		if slot&(leafBit|wantedBit) != leafBit {
			continue
		}
		line = appendLeaf(line[:0], gnutella.Address(slot&addressMask), slot>>namedShift)
		out.add(line)
	}
	out.flush()
}

// Progress is how far a crawl is; any goroutine may ask.
func (c *Crawl) Progress() (finished, known, answered int, failures map[string]int) {
	failures = make(map[string]int)
	for r := range c.byReason {
		n := int(c.byReason[r].Load())
		finished += n
		if n > 0 && Reason(r) != OK {
			failures[Reason(r).String()] += n
		}
	}
	return finished, int(c.wanted.Load() - c.left.Load()), int(c.byReason[OK].Load()), failures
}

// share is worker's part of total, at least 1.
func share(total, worker, workers int) int {
	n := total / workers
	if worker < total%workers {
		n++
	}
	return max(n, 1)
}
