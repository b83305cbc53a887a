package pages

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"myriad/tcpclient"
)

// grabber is the Handler: it keeps so many connections open, until it is time. All of its memory is taken at the start. A connection's User is its
// place in bytes.
type grabber struct {
	how    tcpclient.CloseHow
	idle   *sync.WaitGroup
	bytes  []int32  // received on each connection
	free   []uint64 // places of those that are to be opened
	opens  []tcpclient.Open
	opened []tcpclient.Opened
	closes []tcpclient.Close
	errs   []error

	until  time.Time
	pages  uint64
	failed error
	ended  bool
}

func newGrabber(remote netip.AddrPort, parallel int, how tcpclient.CloseHow, idle *sync.WaitGroup) *grabber {
	g := &grabber{
		how: how, idle: idle,
		bytes:  make([]int32, parallel),
		free:   make([]uint64, parallel),
		opens:  make([]tcpclient.Open, parallel),
		opened: make([]tcpclient.Opened, parallel),
		closes: make([]tcpclient.Close, 0, parallel),
		errs:   make([]error, parallel),
	}
	for k := range g.opens {
		g.opens[k].Remote, g.free[k] = remote, uint64(k)
	}
	return g
}

// start has the grabber open connections; on its worker's goroutine.
func (g *grabber) start(request tcpclient.RequestID, until time.Time) {
	for k := range g.opens {
		g.opens[k].Request = request
	}
	g.until = until
}

func (g *grabber) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	g.closes = g.closes[:0]
	for k := range events {
		e := &events[k]
		switch e.Kind {
		case tcpclient.Data:
			g.bytes[e.User] += int32(len(e.Data))
		case tcpclient.EndOfStream:
			g.closes = append(g.closes, tcpclient.Close{Conn: e.Conn, How: g.how})
			if g.how == tcpclient.Reset {
				g.end(e) // no further event
			}
		case tcpclient.Closed, tcpclient.Failed:
			g.end(e)
		}
	}
	w.Close(g.closes, g.errs[:len(g.closes)])
}

// end counts a page.
func (g *grabber) end(e *tcpclient.Event) {
	if got := g.bytes[e.User]; e.Kind == tcpclient.Failed || got <= pageBytes {
		g.failed = fmt.Errorf("%d bytes: %w: %v", got, errShort, e.Reason)
	}
	g.bytes[e.User] = 0
	g.free = append(g.free, e.User)
	g.pages++
}

func (g *grabber) OpenMore(w *tcpclient.Worker, room int) {
	n := min(room, len(g.free))
	if g.until.IsZero() || n == 0 {
		return
	}
	if g.failed != nil || time.Now().After(g.until) {
		if len(g.free) == len(g.bytes) && !g.ended {
			g.ended = true
			g.idle.Done()
		}
		return
	}
	rest := len(g.free) - n
	for k, user := range g.free[rest:] {
		g.opens[k].User = user
	}
	w.Open(g.opens[:n], g.opened[:n])
	g.free = g.free[:rest]
	for k := range g.opened[:n] {
		if err := g.opened[k].Err; err != nil {
			g.failed = err
			g.free = append(g.free, g.opens[k].User)
		}
	}
}

func openHandler(w *world) (fetcher, func(), error) {
	how := tcpclient.Fin
	if w.reset {
		how = tcpclient.Reset
	}
	var idle sync.WaitGroup
	idle.Add(1)
	g := newGrabber(netip.MustParseAddrPort(w.server()), w.parallel, how, &idle)
	c, err := tcpclient.New(config(w), func(*tcpclient.Worker) tcpclient.Handler { return g })
	if err != nil {
		return nil, nil, err
	}
	id, err := c.Intern([]byte(request))
	if err == nil {
		err = c.Start()
	}
	fetch := func(until time.Time) (pages uint64, err error) {
		// On the worker's goroutine, whose the grabber is.
		if err := c.Do(0, func(*tcpclient.Worker) { g.start(id, until) }); err != nil {
			return 0, err
		}
		time.Sleep(time.Until(until))
		c.Wake(0)
		idle.Wait()
		return g.pages, g.failed
	}
	return fetch, func() { closeClient(c, w) }, err
}

// closeClient leaves what the client counted in the world.
func closeClient(c *tcpclient.Client, w *world) {
	_ = c.Close(context.Background())
	w.stats = c.Stats()
}
