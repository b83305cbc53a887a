package fetch

import (
	"context"
	"net/http/httptrace"
	"sync"
	"time"
)

// Timing says when things happened. Connect is the time that the connection
// took, 0 if one was kept; FirstByte and LastByte count from the beginning of
// the fetch and are 0 if that byte never came.
type Timing struct {
	Start                        time.Time
	Connect, FirstByte, LastByte time.Duration
	Reused                       bool
	// Attempts is how often it was asked for: more than once where a connection
	// that was kept had ended.
	Attempts int
}

// clock takes the times. The transport may still dial when the fetch is over,
// hence the lock.
type clock struct {
	mu           sync.Mutex
	t            Timing
	connectStart time.Time
}

func startClock() *clock { return &clock{t: Timing{Start: time.Now()}} }

func (c *clock) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.t.Attempts++
		},
		ConnectStart: func(_, _ string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.connectStart = time.Now()
		},
		ConnectDone: func(_, _ string, err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if err == nil {
				c.t.Connect = time.Since(c.connectStart)
			}
		},
		GotConn: func(info httptrace.GotConnInfo) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.t.Reused = info.Reused; info.Reused {
				c.t.Connect = 0
			}
		},
		GotFirstResponseByte: func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.t.FirstByte = time.Since(c.t.Start)
		},
	})
}

func (c *clock) lastByte() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t.LastByte = time.Since(c.t.Start)
}

func (c *clock) timing() Timing {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}
