package interop

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/tcpclient"
)

// task is one connection's part of a test.
type task interface {
	open() tcpclient.Open
	// event runs on the worker's goroutine. done says that the connection has
	// had its last event, or was reset; err, that it went wrong.
	event(w *tcpclient.Worker, e *tcpclient.Event) (done bool, err error)
}

// crew runs tasks through the Handler face. A connection that ends before its
// task is done fails it.
type crew struct {
	client *tcpclient.Client
	limit  int // tasks at once

	mutex    sync.Mutex
	waiting  []task
	underWay int
	left     int
	failures []error
	finished chan struct{}
}

// newCrew starts a Client at the near end of the world.
func newCrew(w *world, cfg tcpclient.Config) *crew {
	w.t.Helper()
	c := &crew{limit: 1 << 30}
	if cfg.Interfaces == nil {
		cfg.Interfaces = []tcpclient.Interface{w.interfaceConfig()}
	}
	require.NoError(w.t, w.near.Do(func() (err error) {
		c.client, err = tcpclient.New(cfg, func(*tcpclient.Worker) tcpclient.Handler {
			return &crewHandler{crew: c}
		})
		return err
	}))
	require.NoError(w.t, c.client.Start())
	w.t.Cleanup(func() { c.close(w.t) })
	return c
}

// close ends the Client, in order; it may be called twice.
func (c *crew) close(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, c.client.Close(ctx))
}

// run has all tasks done, limit at a time, and fails the test with the first
// few of what went wrong.
func (c *crew) run(t testing.TB, limit int, tasks ...task) {
	t.Helper()
	c.mutex.Lock()
	c.limit, c.waiting, c.left = limit, tasks, len(tasks)
	c.failures, c.finished = nil, make(chan struct{})
	finished := c.finished
	c.mutex.Unlock()
	c.wake()
	select {
	case <-finished:
	case <-time.After(patience):
		c.mutex.Lock()
		defer c.mutex.Unlock()
		t.Fatalf("%d of %d tasks never ended; failures %v; %+v", c.left, len(tasks), c.failures, c.client.Stats())
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if n := len(c.failures); n > 0 {
		t.Fatalf("%d failures, first of them %v; %+v", n, c.failures[:min(n, 5)], c.client.Stats())
	}
}

func (c *crew) wake() {
	for k := range c.client.Workers() {
		c.client.Wake(k)
	}
}

// intern is Client.Intern.
func (c *crew) intern(t testing.TB, request string) tcpclient.RequestID {
	t.Helper()
	id, err := c.client.Intern([]byte(request))
	require.NoError(t, err)
	return id
}

// take removes up to room tasks from the queue.
func (c *crew) take(room int) []task {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	n := max(min(room, len(c.waiting), c.limit-c.underWay), 0)
	got := c.waiting[:n]
	c.waiting, c.underWay = c.waiting[n:], c.underWay+n
	return got
}

func (c *crew) fail(err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.failures = append(c.failures, err)
}

func (c *crew) ended(err error) {
	c.mutex.Lock()
	if err != nil {
		c.failures = append(c.failures, err)
	}
	c.underWay--
	c.left--
	if c.left == 0 {
		close(c.finished)
	}
	more := len(c.waiting) > 0
	c.mutex.Unlock()
	if more {
		c.wake()
	}
}

// crewHandler is one worker's; a connection's User is its slot plus 1.
type crewHandler struct {
	crew  *crew
	slots []slot
	free  []int
}

type slot struct {
	task task
	conn tcpclient.ID
}

func (h *crewHandler) OpenMore(w *tcpclient.Worker, room int) {
	for _, t := range h.crew.take(min(room, 16)) {
		h.openTask(w, t)
	}
}

func (h *crewHandler) openTask(w *tcpclient.Worker, t task) {
	if len(h.free) == 0 {
		h.free = append(h.free, len(h.slots))
		h.slots = append(h.slots, slot{})
	}
	k := h.free[len(h.free)-1]
	o, r := t.open(), make([]tcpclient.Opened, 1)
	o.User = uint64(k) + 1
	w.Open([]tcpclient.Open{o}, r)
	if r[0].Err != nil {
		h.crew.ended(r[0].Err)
		return
	}
	h.free = h.free[:len(h.free)-1]
	h.slots[k] = slot{t, r[0].Conn}
}

func (h *crewHandler) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	for i := range events {
		e := &events[i]
		k := int(e.User) - 1
		if k < 0 || k >= len(h.slots) || h.slots[k].conn != e.Conn {
			continue // of a connection that its task reset earlier in the batch
		}
		done, err := h.slots[k].task.event(w, e)
		if err != nil {
			err = fmt.Errorf("%v on %v: %w", e.Kind, h.slots[k].task.open().Remote, err)
		}
		if over := e.Kind == tcpclient.Closed || e.Kind == tcpclient.Failed; over && !done {
			done = true
			if err == nil {
				err = fmt.Errorf("connection to %v ended early: kind %v, %v", h.slots[k].task.open().Remote, e.Kind, e.Reason)
			}
		}
		if err != nil && !done {
			w.Close([]tcpclient.Close{{Conn: e.Conn, How: tcpclient.Reset}}, make([]error, 1))
			done = true
		}
		if done {
			h.slots[k] = slot{}
			h.free = append(h.free, k)
			h.crew.ended(err)
		}
	}
}

// closeConn closes one connection.
func closeConn(w *tcpclient.Worker, id tcpclient.ID, how tcpclient.CloseHow) error {
	var errs [1]error
	w.Close([]tcpclient.Close{{Conn: id, How: how}}, errs[:])
	return errs[0]
}
