package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/weburl"
)

// DialFunc opens connections, as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Options say how pages are fetched.
type Options struct {
	// Dial is given addresses, never names.
	Dial       DialFunc
	Timeout    time.Duration // for a whole page, from the dial to the last byte
	UserAgent  string
	BodyBytes  int64 // a longer body is cut short, with ErrTooLarge or ErrBomb
	PerAddress int   // connections to one address at a time
	PerPrefix  int   // and in one /24 or /64; 0 is without limit
	TLS        *tls.Config
	// KeepRaw keeps every body as it was sent, in Reply.Raw.
	KeepRaw bool
	// Guest asks for the right to one connection to the host of a site that the
	// task at hand is not of, and says where it lives; only redirects of
	// robots.txt need that. leave gives it back. With nil they are not followed
	// to other sites.
	Guest func(ctx context.Context, host string) (addr netip.Addr, leave func(), err error)
}

const (
	// idleTimeout closes a kept connection that has had nothing to do.
	idleTimeout = 15 * time.Second
	// headerBytes is how much header a reply may have.
	headerBytes = 64 << 10
)

// Errors that end the reading of a body.
var (
	ErrTooLarge = errors.New("body larger than allowed")
	ErrBomb     = errors.New("body unpacks to more than allowed")
	ErrEncoding = errors.New("body is not packed as it says")
	ErrMemory   = errors.New("no memory left for bodies")
)

// Fetcher fetches pages.
type Fetcher struct {
	options Options
	gate    *gate
	kept    kept
	memory  budget
}

// New returns a Fetcher.
func New(o Options) *Fetcher {
	f := &Fetcher{options: o}
	f.memory.free.Store(memoryMax)
	f.gate = newGate(o.PerAddress, o.PerPrefix, f.kept.closeIn)
	return f
}

// Most is the most connections that there were at a time to one address, and to
// one prefix where those are limited.
func (f *Fetcher) Most() (address, prefix int) {
	return int(f.gate.addresses.most.Load()), int(f.gate.prefixes.most.Load())
}

// Reply is what came back. After an error it holds what came before it.
type Reply struct {
	Status   int
	Proto    string // as in "HTTP/1.1"
	Header   http.Header
	Body     []byte // unpacked, of HTML and of robots.txt; of others nothing
	Raw      []byte // as it was sent, of all, with Options.KeepRaw
	Bytes    int64  // of the body as it was sent
	Digest   string // of the same, "sha256:" and hexadecimal; "" if it did not come whole
	Location string // canonical, of a redirect
	// BadLocation: it redirects, but to no web address.
	BadLocation bool
	Timing      Timing
	Request     http.Header // what was asked with

	body, raw *buffer
}

// Release gives the memory of Body and Raw back; they must not be used
// afterwards.
func (r *Reply) Release() {
	r.body.release()
	r.raw.release()
	r.body, r.raw, r.Body, r.Raw = nil, nil, nil, nil
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
	ctx, cancel := context.WithTimeout(ctx, f.options.Timeout)
	defer cancel()
	p := f.pinned(t)
	defer f.kept.rest(p)
	return f.get(ctx, p, t.URL, (*Reply).HTML)
}

// get fetches a URL by a pinned transport and keeps its body if wanted.
func (f *Fetcher) get(ctx context.Context, p *pinned, address string, wanted func(*Reply) bool) (r Reply, err error) {
	clock := startClock()
	req, err := http.NewRequestWithContext(clock.trace(ctx), http.MethodGet, address, nil)
	if err != nil {
		return r, fmt.Errorf("fetch: %w", err)
	}
	req.Header.Set("User-Agent", f.options.UserAgent)
	req.Header.Set("Accept", "text/html,*/*;q=0.5")
	req.Header.Set("Accept-Encoding", acceptEncoding)
	r.Request = req.Header
	defer func() { r.Timing = clock.timing() }()
	resp, err := p.transport.RoundTrip(req)
	if err != nil {
		return r, fmt.Errorf("fetch: %w", preferDeadline(ctx, err))
	}
	defer resp.Body.Close()
	if resp.StatusCode < 100 {
		// net/http takes any three digits; no status is below 100 (RFC 9110 §15).
		return r, fmt.Errorf("fetch: malformed HTTP status code %q", resp.Status)
	}
	r.Status, r.Proto, r.Header = resp.StatusCode, resp.Proto, resp.Header
	r.locate(resp)
	if err := f.readBody(resp, &r, wanted(&r)); err != nil {
		return r, fmt.Errorf("fetch: %w", preferDeadline(ctx, err))
	}
	clock.lastByte()
	return r, nil
}

// locate resolves where a redirect leads.
func (r *Reply) locate(resp *http.Response) {
	text := resp.Header.Get("Location")
	if resp.StatusCode < 300 || resp.StatusCode > 399 || text == "" {
		return
	}
	target, err := weburl.Resolve(resp.Request.URL, text)
	r.Location, r.BadLocation = target, err != nil
}

// preferDeadline names the cause where the end of the time looks like
// something else, such as a closed connection.
func preferDeadline(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}
