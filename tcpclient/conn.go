package tcpclient

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"myriad/internal/errno"
)

// Conn is a connection that a Dialer made: a net.Conn with what *net.TCPConn
// has beyond that and this stack can do. Any number of goroutines may call its
// methods. Errors are *net.OpError, but for io.EOF.
//
// Unread bytes are held up to Dialer.ReadBuffer; then the peer's window
// closes. Other connections notice nothing of it. There are no keep-alives:
// Config.Idle ends connections whose peer has fallen silent.
type Conn struct {
	dialer  *Dialer
	network string
	remote  netip.AddrPort
	dialed  chan struct{} // closed when the dial has come to its end
	dialErr error         // read after dialed; nil: connected

	mu       sync.Mutex
	readable sync.Cond // on mu: something in what Read waits for has changed
	writable sync.Cond // likewise for Write

	// What the worker knows the connection by; written on its goroutine.
	handler *dialHandler
	id      ID     // 0 before Open, and after the end
	slot    uint32 // in handler.conns
	tries   int    // workers asked to open it

	local  netip.AddrPort
	wants  wants // what the worker is to do
	queued bool  // in the handler's list

	in        unread
	paused    bool // the worker was told to hold what arrives
	endOfRead bool // the peer's FIN came
	out       []byte
	writing   bool // a Write is under way; others wait

	writeClosed bool  // CloseWrite was called
	closed      bool  // Close was called
	ended       bool  // the stack has forgotten the connection
	cause       error // why it ended; nil when in order

	readBy, writeBy deadline
	linger          int // seconds, as SetLinger says; < 0 means the default
	lingering       *time.Timer
}

// wants is a set of things that a Conn's worker is to do for it.
type wants uint8

const (
	wantOpen wants = 1 << iota
	wantReset
	wantResume
	wantSend
	wantFin
	wantClose
)

// lingerDefault is how long a closed connection may take to end in order; the
// kernel's tcp_fin_timeout.
const lingerDefault = 60 * time.Second

func newConn(d *Dialer, network string, remote netip.AddrPort) *Conn {
	c := &Conn{dialer: d, network: network, remote: remote, handler: d.pick(),
		dialed: make(chan struct{}), linger: -1}
	c.readable.L, c.writable.L = &c.mu, &c.mu
	return c
}

// Read returns what has arrived, at least one byte, and waits for that. After
// the peer's FIN and everything sent before it, it returns io.EOF.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		err, over := c.readState()
		switch {
		case err == nil && len(p) == 0:
			return 0, nil
		case err == nil && c.in.count > 0:
			n := c.take(p)
			if c.paused && c.mayResume() {
				c.ask(wantResume)
			}
			return n, nil
		case err == io.EOF:
			return 0, err
		case over:
			return 0, c.opError("read", err)
		}
		c.readable.Wait()
	}
}

// readState says whether Read can go on. Unread bytes come before the peer's
// FIN or RST, but after our own deadline.
func (c *Conn) readState() (err error, over bool) {
	switch {
	case c.closed:
		return net.ErrClosed, true
	case c.readBy.passed:
		return os.ErrDeadlineExceeded, true
	case c.in.count > 0:
		return nil, false
	case c.ended && c.cause != nil:
		return c.cause, true
	case c.ended, c.endOfRead:
		return io.EOF, true
	}
	return nil, false
}

// Write sends p, and returns when the stack has taken all of it; that it was
// acknowledged it does not say.
func (c *Conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.writing && c.writeError() == nil {
		c.writable.Wait()
	}
	if err := c.writeError(); err != nil {
		return 0, c.opError("write", err)
	}
	if len(p) == 0 {
		return 0, nil
	}
	c.writing, c.out = true, p
	c.askNow(wantSend)
	for len(c.out) > 0 && c.writeError() == nil {
		c.writable.Wait()
	}
	n := len(p) - len(c.out)
	c.writing, c.out = false, nil
	c.writable.Broadcast()
	if n < len(p) {
		return n, c.opError("write", c.writeError())
	}
	return n, nil
}

// writeError says why nothing can be written, if so.
func (c *Conn) writeError() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.writeBy.passed:
		return os.ErrDeadlineExceeded
	case c.ended && c.cause != nil:
		return c.cause
	case c.ended, c.writeClosed:
		return errno.BrokenPipe
	}
	return nil
}

// CloseWrite sends FIN after everything written so far. Reading goes on.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return c.opError("close", net.ErrClosed)
	case c.ended:
		return c.opError("close", os.NewSyscallError("shutdown", errno.NotConnected))
	case c.writeClosed:
		return nil
	}
	c.writeClosed = true
	c.writable.Broadcast()
	c.ask(wantFin)
	return nil
}

// Close ends the connection without waiting: what was written is still sent,
// then FIN, in the background. Where bytes are unread, or arrive later, the
// peer gets RST, so that it knows that they were lost (RFC 9293 §3.6.1).
// SetLinger chooses otherwise. Calls under way return net.ErrClosed.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	c.closed = true
	c.readBy.stop()
	c.writeBy.stop()
	c.readable.Broadcast()
	c.writable.Broadcast()
	switch {
	case c.ended:
		c.dropUnread()
	case c.linger == 0:
		c.askNow(wantReset)
	default:
		c.lingerOn()
		// At once where the worker sleeps: whoever counts connections, the peer
		// too, should not see the next one's SYN before this one's FIN.
		c.askNow(wantClose)
	}
	return nil
}

// lingerOn limits how long the stack keeps a connection that was closed.
func (c *Conn) lingerOn() {
	limit := lingerDefault
	if c.linger > 0 {
		limit = time.Duration(c.linger) * time.Second
	}
	c.lingering = time.AfterFunc(limit, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ask(wantReset)
	})
}

// LocalAddr returns our end, a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr returns the peer's end, a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadlines(t, true, true) }

// SetReadDeadline has Reads, also those under way, return
// os.ErrDeadlineExceeded from t on; the zero time means never.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, true, false) }

// SetWriteDeadline does the same for Writes, which also return how many bytes
// were taken before.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, false, true) }

func (c *Conn) setDeadlines(t time.Time, read, write bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.opError("set", net.ErrClosed)
	}
	if read {
		c.readBy.set(t, &c.mu, &c.readable)
	}
	if write {
		c.writeBy.set(t, &c.mu, &c.writable)
	}
	return nil
}

// SetLinger says what Close does, as in *net.TCPConn: with sec < 0, the
// default, it ends in the background, within a minute; with 0 Close sends RST
// at once, and what is not sent is lost; with more, RST is sent when that many
// seconds were not enough, or after a minute in which the peer acknowledged
// nothing.
func (c *Conn) SetLinger(sec int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.opError("set", net.ErrClosed)
	}
	c.linger = sec
	return nil
}

// SetNoDelay does nothing: the stack never holds a segment back to make it
// fuller, as if by SetNoDelay(true). It is there for code that asks for that.
func (c *Conn) SetNoDelay(bool) error { return nil }

// opError wraps err as the kernel's connections do.
func (c *Conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: c.network, Source: c.LocalAddr(), Addr: c.RemoteAddr(),
		Err: callCause(op, err)}
}

// ask has the worker do something for the connection. The caller holds mu.
func (c *Conn) ask(what wants) {
	if c.want(what) {
		c.handler.kick()
	}
}

// askNow is ask by who waits for it, or does it himself where the worker sleeps.
// mu is given up meanwhile.
func (c *Conn) askNow(what wants) {
	h := c.handler
	if !c.want(what) {
		return
	}
	c.mu.Unlock()
	if !c.dialer.engine.help(h) {
		h.kick()
	}
	c.mu.Lock()
}

// want notes what is to be done; first: the worker is to be told.
func (c *Conn) want(what wants) (first bool) {
	if c.ended {
		return false
	}
	c.wants |= what
	if c.queued {
		return false
	}
	c.queued = true
	return c.handler.enqueue(c)
}

// giveUp ends a dial whose context has ended, unless it has come to its end in
// the meantime.
func (c *Conn) giveUp(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.dialed:
		return
	default:
	}
	c.closed = true
	c.ask(wantReset)
	c.endDial(err)
}

// endDial tells the dialling goroutine; the first call counts.
func (c *Conn) endDial(err error) {
	select {
	case <-c.dialed:
	default:
		c.dialErr = err
		close(c.dialed)
	}
}

// end marks a connection that the stack has forgotten. The caller holds mu.
func (c *Conn) end(cause error) {
	if c.ended {
		return
	}
	c.ended, c.cause, c.wants = true, cause, 0
	if c.closed {
		c.dropUnread()
	}
	if c.lingering != nil {
		c.lingering.Stop()
	}
	if cause == nil {
		cause = net.ErrClosed
	}
	c.endDial(cause)
	c.readable.Broadcast()
	c.writable.Broadcast()
}
