package sim

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"myriad/tcpclient"
)

// dialPlan is what our application does with one connection.
type dialPlan struct {
	at      time.Duration // after the start
	remote  netip.AddrPort
	local   netip.AddrPort // zero: the client chooses
	up      stream
	send    int  // bytes
	chunk   int  // bytes offered at once
	request bool // the first bytes are an interned request
	apart   bool // which follows the handshake's ACK
	down    stream
	expect  int // bytes; of a hostile peer, anything
	honest  bool
	timeout time.Duration
	idle    time.Duration
	closeUp bool // FIN after the last byte; otherwise once the peer has sent its own
	discard bool // then with FinDiscard, once the peer has sent its FIN …
	unheard bool // … or without waiting for it
	resetAt int  // gives up with RST after so many bytes; negative = never
	pauses  int  // one Data event in so many is followed by Pause; 0 = never
	scarce  bool // side records may run out
	peer    peer
}

// conn is one connection as the application sees it.
type conn struct {
	plan      *dialPlan
	w         *tcpclient.Worker
	id        tcpclient.ID
	openedAt  time.Duration
	opened    bool
	connected bool
	sent, got int
	finSent   bool
	fin       bool // EndOfStream came
	paused    bool
	pausedAt  time.Duration
	discarded bool
	discardAt time.Duration
	heardAt   time.Duration // the last event that a segment led to
	wakeAt    time.Duration // 0 = not
	over      bool
	end       tcpclient.EventKind // 0 after Reset
	reason    tcpclient.Reason
	endedAt   time.Duration
}

// app is our application: all its connections, over all workers.
type app struct {
	client  *tcpclient.Client
	workers []*tcpclient.Worker
	request tcpclient.RequestID
	random  *rand.Rand
	conns   []*conn
	start   time.Duration
	open    int // not over, those not yet opened included
	silent  int // reset because a foreign TCP had failed
	wrong   error
	trace   *trace
}

// requestBytes is the length of the interned request, the first bytes of
// stream 0.
const requestBytes = 300

// handler is one worker's face of the app.
type handler struct{ app *app }

func (h handler) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	a := h.app
	for k := range events {
		e := &events[k]
		c := a.conns[e.User]
		a.trace.event(w.Now(), e)
		if err := a.event(c, e, w.Now()); err != nil && a.wrong == nil {
			a.wrong = fmt.Errorf("connection %d: %w", e.User, err)
		}
	}
}

var (
	errAfterEnd  = errors.New("an event after the last one")
	errTwice     = errors.New("the same event twice")
	errWrongID   = errors.New("an event of another ID")
	errNotOpened = errors.New("an event before Connected")
	errWrongData = errors.New("wrong bytes were delivered")
	errDiscarded = errors.New("bytes were delivered after FinDiscard")
	errPaused    = errors.New("bytes were delivered during Pause")
	errTooMuch   = errors.New("more bytes were delivered than the peer sent")
)

func (a *app) event(c *conn, e *tcpclient.Event, now time.Duration) error {
	switch {
	case c.over && c.end == 0:
		return nil // was in this batch already when the application reset it
	case c.over:
		return errAfterEnd
	case e.Conn != c.id:
		return errWrongID
	}
	switch e.Kind {
	case tcpclient.Connected, tcpclient.Data, tcpclient.EndOfStream:
		c.heardAt = now
	}
	switch e.Kind {
	case tcpclient.Connected:
		if c.connected {
			return errTwice
		}
		c.connected = true
		if !c.plan.peer.truth().answered {
			return errors.New("connected, and the peer never answered")
		}
	case tcpclient.Data:
		if err := c.data(e.Data); err != nil {
			return err
		}
		a.maybePause(c, now)
	case tcpclient.EndOfStream:
		if c.fin {
			return errTwice
		}
		c.fin = true
		if !c.plan.peer.truth().fins[c.got] {
			return fmt.Errorf("the end of the stream after %d bytes, where the peer sent no FIN", c.got)
		}
	case tcpclient.Closed, tcpclient.Failed:
		c.over, c.end, c.reason, c.endedAt = true, e.Kind, e.Reason, now
		a.open--
		return c.judge()
	}
	return a.pump(c, now)
}

// data compares what was delivered with what the peer sent.
func (c *conn) data(b []byte) error {
	switch {
	case !c.connected:
		return errNotOpened
	case c.fin:
		return errAfterEnd
	case c.discarded && c.w.Now() > c.discardAt:
		return errDiscarded
	case c.paused && c.w.Now() > c.pausedAt: // what was in the same batch still comes
		return errPaused
	case c.plan.honest && c.got+len(b) > c.plan.expect:
		return errTooMuch
	}
	for len(b) > 0 {
		n := min(len(b), 65536)
		want := c.plan.down.at(c.got, n)
		if !bytes.Equal(b[:n], want) && (c.plan.honest || !either(b[:n], want)) {
			return fmt.Errorf("%w, at %d", errWrongData, c.got)
		}
		c.got += n
		b = b[n:]
	}
	return nil
}

// either: each byte is the wanted one or its opposite.
func either(b, want []byte) bool {
	for k := range b {
		if b[k] != want[k] && b[k] != ^want[k] {
			return false
		}
	}
	return true
}

func (a *app) maybePause(c *conn, now time.Duration) {
	if c.plan.pauses == 0 || c.paused || a.random.IntN(c.plan.pauses) != 0 {
		return
	}
	if c.w.Pause(c.id) == nil {
		c.paused, c.pausedAt = true, now
		c.wakeAt = now + time.Duration(1+a.random.IntN(3000))*time.Millisecond
	}
}

// pump offers what is to be sent, and closes when it is time.
func (a *app) pump(c *conn, now time.Duration) error {
	if c.over || !c.connected {
		return nil
	}
	if c.plan.resetAt >= 0 && c.got+c.sent >= c.plan.resetAt {
		return a.close(c, tcpclient.Reset)
	}
	for c.sent < c.plan.send {
		offer := c.plan.up.at(c.sent, min(c.plan.chunk, c.plan.send-c.sent))
		var r [1]tcpclient.Sent
		c.w.Send([]tcpclient.Send{{Conn: c.id, Data: offer}}, r[:])
		c.sent += r[0].Count
		switch {
		case errors.Is(r[0].Err, tcpclient.ErrFull):
			c.wakeAt = now + 20*time.Millisecond
			return nil
		case r[0].Err != nil:
			return a.refused(r[0].Err)
		case r[0].Count < len(offer):
			return nil // Writable follows
		}
	}
	if c.finSent || !c.plan.closeUp && !c.fin {
		return nil
	}
	c.finSent = true
	if c.plan.discard && (c.fin || c.plan.unheard) {
		c.discarded, c.discardAt, c.paused = true, now, false
		return a.close(c, tcpclient.FinDiscard)
	}
	return a.close(c, tcpclient.Fin)
}

// refused judges a call that was answered with ErrClosed: that is right only
// when the last event is under way, which the end of the world shows.
func (a *app) refused(err error) error {
	if errors.Is(err, tcpclient.ErrClosed) {
		return nil
	}
	return err
}

func (a *app) close(c *conn, how tcpclient.CloseHow) error {
	var errs [1]error
	c.w.Close([]tcpclient.Close{{Conn: c.id, How: how}}, errs[:])
	if errs[0] == nil && how == tcpclient.Reset {
		c.over, c.endedAt = true, c.w.Now()
		a.open--
	}
	return a.refused(errs[0])
}

// tick opens, resumes and tries again what is due, and returns when something
// is due next.
func (a *app) tick(now time.Duration) (next time.Duration, busy bool) {
	next = 1 << 62
	for k, c := range a.conns {
		if c.over {
			continue
		}
		if c.overdue(now) && a.wrong == nil {
			a.wrong = fmt.Errorf("connection %d has outlived its deadline of %v", k, c.plan.timeout)
		}
		if !c.opened {
			if at := a.start + c.plan.at; at > now {
				next = min(next, at)
				continue
			}
			a.dial(k, c, now)
			busy = true
		}
		if v, ok := c.plan.peer.(*visit); ok && c.connected {
			if at, owes := v.silentAt(); owes && at > now {
				next = min(next, at)
			} else if owes {
				a.silent++
				a.wrong = errors.Join(a.wrong, a.close(c, tcpclient.Reset))
				continue
			}
		}
		if c.wakeAt == 0 {
			continue
		}
		if c.wakeAt > now {
			next = min(next, c.wakeAt)
			continue
		}
		c.wakeAt = 0
		busy = true
		a.wake(k, c, now)
	}
	return next, busy
}

func (a *app) wake(k int, c *conn, now time.Duration) {
	var err error
	switch {
	case !c.opened: // the table was full
	case c.paused:
		c.paused = false
		err = a.refused(c.w.Resume(c.id))
	}
	if err == nil {
		err = a.pump(c, now)
	}
	if err != nil && a.wrong == nil {
		a.wrong = fmt.Errorf("connection %d: %w", k, err)
	}
}

func (a *app) dial(k int, c *conn, now time.Duration) {
	c.w = a.workers[k%len(a.workers)]
	open := tcpclient.Open{
		Remote: c.plan.remote, Local: c.plan.local, User: uint64(k), Separate: c.plan.apart, Timeout: c.plan.timeout, Idle: c.plan.idle,
	}
	if c.plan.request {
		open.Request = a.request
		c.sent = requestBytes
	}
	var r [1]tcpclient.Opened
	c.w.Open([]tcpclient.Open{open}, r[:])
	switch {
	case errors.Is(r[0].Err, tcpclient.ErrFull):
		c.sent, c.plan.at = 0, now-a.start+50*time.Millisecond
	case r[0].Err != nil:
		a.wrong = fmt.Errorf("connection %d: %w", k, r[0].Err)
	default:
		c.id, c.opened, c.openedAt = r[0].Conn, true, now
		if v, ok := c.plan.peer.(*visit); ok && v.plan.meets {
			a.wrong = errors.Join(a.wrong, v.meet(c.plan))
		}
	}
}
