package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/weburl"
)

// DialFunc opens connections, as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Options say how pages are fetched.
type Options struct {
	Dial       DialFunc
	Timeout    time.Duration // for a whole page, from the dial to the last byte
	UserAgent  string
	BodyBytes  int64 // a longer body is cut short, with ErrTooLarge
	PerAddress int   // connections to one address at a time
	TLS        *tls.Config
}

// idleTimeout closes a kept connection that has had nothing to do.
const idleTimeout = 15 * time.Second

// ErrTooLarge ends the reading of a body that is longer than allowed.
var ErrTooLarge = errors.New("body larger than allowed")

// Fetcher fetches pages.
type Fetcher struct {
	options Options
	gate    *gate
}

// New returns a Fetcher.
func New(o Options) *Fetcher {
	return &Fetcher{options: o, gate: newGate(o.PerAddress)}
}

// Reply is what came back. After an error it holds what came before it.
type Reply struct {
	Status   int
	Header   http.Header
	Body     []byte // of HTML and of robots.txt; other bodies are counted only
	Bytes    int64  // of the body
	Location string // canonical, of a redirect
	Timing   Timing

	buffer *bytes.Buffer // holds Body
}

// buffers are for bodies, most of which are small.
var buffers = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, 16<<10)) }}

// bufferMax is the largest buffer kept for the next page.
const bufferMax = 256 << 10

// Release gives the memory of Body back; it must not be used afterwards.
func (r *Reply) Release() {
	if r.buffer != nil && r.buffer.Cap() <= bufferMax {
		r.buffer.Reset()
		buffers.Put(r.buffer)
	}
	r.buffer, r.Body = nil, nil
}

// HTML reports whether the body may hold links.
func (r *Reply) HTML() bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (kind == "text/html" || kind == "application/xhtml+xml")
}

// RetryAfter is how long the server asks to be left alone, 0 when it does not.
func (r *Reply) RetryAfter() time.Duration {
	if r.Status != http.StatusTooManyRequests && r.Status != http.StatusServiceUnavailable {
		return 0
	}
	seconds, err := strconv.Atoi(r.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, 86_400)) * time.Second
}

// Fetch fetches the page of a task.
func (f *Fetcher) Fetch(ctx context.Context, t *frontier.Task) (Reply, error) {
	return f.get(ctx, t, t.URL, (*Reply).HTML)
}

// get fetches a URL by the slot of a task and keeps its body if wanted.
func (f *Fetcher) get(ctx context.Context, t *frontier.Task, address string, wanted func(*Reply) bool) (r Reply, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.options.Timeout)
	defer cancel()
	clock := startClock()
	req, err := http.NewRequestWithContext(clock.trace(ctx), http.MethodGet, address, nil)
	if err != nil {
		return r, fmt.Errorf("fetch: %w", err)
	}
	req.Header.Set("User-Agent", f.options.UserAgent)
	req.Header.Set("Accept", "text/html,*/*;q=0.5")
	defer func() { r.Timing = clock.timing() }()
	resp, err := f.transport(t).RoundTrip(req)
	if err != nil {
		return r, fmt.Errorf("fetch: %w", preferDeadline(ctx, err))
	}
	defer resp.Body.Close()
	r.Status, r.Header, r.Location = resp.StatusCode, resp.Header, location(resp)
	if err := f.readBody(resp.Body, &r, wanted(&r)); err != nil {
		return r, fmt.Errorf("fetch: %w", preferDeadline(ctx, err))
	}
	clock.lastByte()
	return r, nil
}

// readBody reads to the end, or to the limit.
func (f *Fetcher) readBody(body io.Reader, r *Reply, keep bool) (err error) {
	limited := io.LimitReader(body, f.options.BodyBytes+1)
	if keep {
		r.buffer = buffers.Get().(*bytes.Buffer)
		r.Bytes, err = r.buffer.ReadFrom(limited)
		r.Body = r.buffer.Bytes()
	} else {
		r.Bytes, err = io.Copy(io.Discard, limited)
	}
	if err == nil && r.Bytes > f.options.BodyBytes {
		err = ErrTooLarge
	}
	return err
}

// transport is the one that holds the slot's connection.
func (f *Fetcher) transport(t *frontier.Task) *http.Transport {
	kept, _ := t.Slot.Keep.(*pinned)
	if kept == nil {
		kept = f.newPinned()
		t.Slot.Keep = kept
	}
	if t.Slot.Site != t.Site {
		kept.CloseIdleConnections()
		t.Slot.Site = t.Site
	}
	_, host, _ := weburl.Split(t.URL)
	kept.host.Store(&home{host, t.Addr})
	return kept.Transport
}

func location(resp *http.Response) string {
	text := resp.Header.Get("Location")
	if resp.StatusCode < 300 || resp.StatusCode > 399 || text == "" {
		return ""
	}
	target, err := weburl.Resolve(resp.Request.URL, text)
	if err != nil {
		return ""
	}
	return target
}

// preferDeadline names the cause where the end of the time looks like
// something else, such as a closed connection.
func preferDeadline(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// CloseIdle closes the connection kept by a slot, if any.
func CloseIdle(s *frontier.Slot) {
	if kept, _ := s.Keep.(*pinned); kept != nil {
		kept.CloseIdleConnections()
	}
}

// home says where a host lives.
type home struct {
	host string
	addr netip.Addr
}
