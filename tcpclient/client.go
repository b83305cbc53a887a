package tcpclient

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"myriad/handshake"
	"myriad/iobackend"
)

// Client is a set of workers over one or more interfaces. Make it with New.
type Client struct {
	cfg      Config
	links    []*link
	workers  []*Worker
	requests handshake.Requests
	next     atomic.Uint32 // for spreading Open over the workers

	mutex   sync.Mutex
	started bool
	ended   bool
	stopped sync.WaitGroup // the workers' goroutines
	failure error          // of the first worker that failed
	bug     error          // the first assertion that failed
}

// New opens the interfaces and takes the memory that cfg asks for. newHandler
// is called once per worker, before it starts.
//
// The error names the field or the device, the value, and what to do about it;
// nothing is left open then.
func New(cfg Config, newHandler func(w *Worker) Handler) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if err := checkMemory(&cfg); err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg}
	err := c.openLinks()
	if err == nil {
		err = c.makeWorkers()
	}
	if err != nil {
		c.abandonDevices()
		return nil, err
	}
	for _, w := range c.workers {
		w.handler = newHandler(w)
		w.opener, _ = w.handler.(Opener)
	}
	return c, nil
}

// Start starts the workers. A Manual client has none to start.
func (c *Client) Start() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch {
	case c.ended:
		return errClosed
	case c.started:
		return errors.New("tcpclient: start: the client runs already")
	}
	c.started = true
	if c.cfg.Manual {
		return nil
	}
	if !c.cfg.KeepGOMAXPROCS {
		addProcs(c.threads())
	}
	for _, w := range c.workers {
		c.stopped.Add(1)
		go w.run()
	}
	return nil
}

// Step runs one turn of every worker of a Manual client on the caller's
// goroutine. It returns the instant at which a worker next has something to do
// without a frame arriving (as Worker.Now counts), and whether anything was
// done.
func (c *Client) Step() (next time.Duration, busy bool) {
	for k, w := range c.workers {
		b, err := w.turn()
		if err != nil {
			w.fail(err)
		}
		busy = busy || b
		if at := w.nextInstant(); k == 0 || at < next {
			next = at
		}
	}
	return next, busy
}

// Workers returns the number of workers.
func (c *Client) Workers() int { return len(c.workers) }

// Devices describes the opened interfaces, in the order of Config.Interfaces.
func (c *Client) Devices() []iobackend.Info {
	infos := make([]iobackend.Info, len(c.links))
	for k, l := range c.links {
		infos[k] = l.device.Info()
	}
	return infos
}

// Intern prepares bytes to be sent by any number of connections: they are
// copied once, and their checksums computed once. Any goroutine may call it.
func (c *Client) Intern(request []byte) (RequestID, error) {
	if len(request) == 0 {
		return 0, fmt.Errorf("tcpclient: intern: an empty request: %w", ErrInvalid)
	}
	id, err := c.requests.Add(request)
	if err != nil {
		return 0, fmt.Errorf("tcpclient: intern: %d bytes: %w", len(request), ErrFull)
	}
	return RequestID(id), nil
}

// Open asks for connections from any goroutine: each is put into a bounded
// queue of a worker whose interface has a route. errs, of the same length,
// gets nil, ErrFull, ErrNoRoute or ErrClosed for each. What happens then comes
// as events, Connected or Failed first, told apart by User.
func (c *Client) Open(opens []Open, errs []error) {
	for k := range opens {
		errs[k] = c.openOne(&opens[k])
	}
}

func (c *Client) openOne(o *Open) error {
	w := c.workerFor(o.Remote, o.Local)
	if w == nil {
		return errOpenNoRoute
	}
	return w.post(call{open: *o})
}

// workerFor chooses the worker: of the interface that owns the local address
// asked for, or else has a route; the one that owns the local port asked for,
// or else the next in turn, if it keeps up with its calls as well as the one after
// it. A worker that is overloaded, by its queue's frames or by its handler, comes
// to its calls late: its neighbours open in its stead.
func (c *Client) workerFor(to, from netip.AddrPort) *Worker {
	remote, isIPv4 := ipv4(to.Addr())
	local := from.Addr().As16()
	for _, l := range c.links {
		if from.Addr().IsValid() && !from.Addr().IsUnspecified() {
			if _, ours := l.sources.index(&local); !ours {
				continue
			}
		}
		if !isIPv4 || !l.reaches(remote) {
			continue
		}
		if p := from.Port(); p != 0 {
			return c.workers[l.first+ownerOf(p, l.workers)]
		}
		workers := c.workers[l.first : l.first+l.workers]
		return workers[lighter(int(c.next.Add(1)%uint32(l.workers)), l.workers, func(k int) int32 { return workers[k].mail.waiting.Load() })]
	}
	return nil
}

// lighter returns k or the one after it of workers, whichever has less waiting.
func lighter(k, workers int, waiting func(k int) int32) int {
	after := (k + 1) % workers
	if waiting(after) < waiting(k) {
		return after
	}
	return k
}

// Do runs f on the goroutine of the worker with the given index, soon. Any
// goroutine may call it; ErrFull when Config.Calls are waiting already,
// ErrClosed after Close.
func (c *Client) Do(worker int, f func(w *Worker)) error {
	return c.workers[worker].post(call{f: f})
}

// Wake has the worker take a turn, for an Opener that has something to open
// again. Any goroutine may call it; it is cheap.
func (c *Client) Wake(worker int) { c.workers[worker].queue.Wake() }

// Err returns what stopped a worker, as ErrDeviceGone of iobackend; nil while
// all run.
func (c *Client) Err() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.failure
}

// Close ends every connection in order: no new one is opened, each gets FIN,
// and when ctx ends before they all have, RST. Then the devices are detached
// and closed. It returns the context's error if it had to reset connections,
// and may be called twice. A Manual client must not be stepped meanwhile.
func (c *Client) Close(ctx context.Context) error {
	c.mutex.Lock()
	if c.ended {
		c.mutex.Unlock()
		c.stopped.Wait()
		return nil
	}
	c.ended = true
	running := c.started
	c.mutex.Unlock()
	for _, w := range c.workers {
		w.mail.ask(closeGently)
		w.queue.Wake()
	}
	var cut error
	switch {
	case running && c.cfg.Manual:
		cut = c.closeManual(ctx)
	case running:
		cut = c.waitOrCut(ctx)
		if !c.cfg.KeepGOMAXPROCS {
			addProcs(-c.threads())
		}
	}
	return errors.Join(cut, c.closeDevices())
}

// waitOrCut waits for the workers to end, and has them reset what is left
// when ctx ends.
func (c *Client) waitOrCut(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		c.stopped.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	for _, w := range c.workers {
		w.mail.ask(closeNow)
		w.queue.Wake()
	}
	<-ended
	if c.Stats().FailedBy[Shutdown.String()] > 0 {
		return errShutCut(ctx)
	}
	return nil
}

// closeManual steps a Manual client: the clock is the owner's, so it waits for
// nobody, and resets what has not ended.
func (c *Client) closeManual(ctx context.Context) error {
	c.Step()
	open := c.Stats().ConnectionsOpen
	for _, w := range c.workers {
		w.mail.ask(closeNow)
	}
	for range 3 { // cut, tell the application, end
		c.Step()
	}
	if open == 0 {
		return nil
	}
	return errShutCut(ctx)
}

func errShutCut(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("tcpclient: close: connections were reset: %w", cause)
	}
	return errors.New("tcpclient: close: connections were reset")
}

func (c *Client) closeDevices() error {
	var all error
	for _, l := range c.links {
		all = errors.Join(all, l.close())
	}
	return all
}

// abandonDevices closes what New opened; a Device that was given to it stays
// its owner's when New fails.
func (c *Client) abandonDevices() {
	for k, l := range c.links {
		if c.cfg.Interfaces[k].Device == nil {
			_ = l.close() // the error that led here is the one to tell
		}
	}
}
