package crawl_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/crawl"
	"myriad/examples/internal/fetch"
	"myriad/examples/internal/frontier"
	"myriad/examples/internal/frontier/disk"
	"myriad/examples/internal/robots"
)

// hostile is a web of hosts of which all but one are up to something.
type hostile struct {
	plain, secure *httptest.Server
	hosts         map[string]http.HandlerFunc
	bomb          []byte
}

// hostPagesMax and hostileRedirects bound what has no end.
const (
	hostPagesMax     = 20
	hostileRedirects = 5
	hostileBytes     = 1 << 20
)

func newHostile(t *testing.T) *hostile {
	h := &hostile{bomb: bomb(t)}
	h.hosts = map[string]http.HandlerFunc{
		"good.test":     h.good,
		"redirect.test": deeper(func(n int) string { return "" }),
		"calendar.test": deeper(func(n int) string {
			return fmt.Sprintf("<a href=/%d>yesterday</a><a href=/%d>tomorrow</a><a href=/%d>next year</a>", n-1, n+1, n+365)
		}),
		"endless.test": endless("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<a href=/of-what-came>", "and so on "),
		"header.test":  endless("HTTP/1.1 200 OK\r\n", "X-Line: "+strings.Repeat("x", 4000)+"\r\n"),
		"chunk.test":   once("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"),
		"length.test":  once("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 500\r\n\r\n<p>that was all"),
		"slow.test": func(rw http.ResponseWriter, _ *http.Request) {
			for rw.Header().Set("Content-Type", "text/html"); ; time.Sleep(10 * time.Millisecond) {
				if _, err := io.WriteString(rw, "x"); err != nil {
					return
				}
				rw.(http.Flusher).Flush()
			}
		},
		"bomb.test": func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/html")
			rw.Header().Set("Content-Encoding", "gzip")
			_, _ = rw.Write(h.bomb)
		},
		"rules-slow.test":    h.good,
		"rules-error.test":   h.good,
		"rules-endless.test": h.good,
	}
	h.plain = httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.plain.Close)
	h.secure = httptest.NewUnstartedServer(http.HandlerFunc(h.good))
	h.secure.Config.ErrorLog = log.New(io.Discard, "", 0) // that its certificate is refused is what is tested
	h.secure.StartTLS()
	t.Cleanup(h.secure.Close)
	return h
}

// bomb is what unpacks to 20 MB of nothing.
func bomb(t *testing.T) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(make([]byte, 20<<20))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

func (h *hostile) serve(rw http.ResponseWriter, req *http.Request) {
	if req.URL.Path == "/robots.txt" {
		h.rules(rw, req)
		return
	}
	h.hosts[req.Host](rw, req)
}

// rules has files that are slow, an error, or without end.
func (h *hostile) rules(rw http.ResponseWriter, req *http.Request) {
	switch req.Host {
	case "rules-slow.test":
		<-req.Context().Done()
	case "rules-error.test":
		rw.WriteHeader(http.StatusInternalServerError)
	case "rules-endless.test":
		_, _ = io.WriteString(rw, "User-agent: *\nDisallow: /private\n")
		for {
			if _, err := rw.Write(bytes.Repeat([]byte("# nothing\n"), 1000)); err != nil {
				return
			}
		}
	default:
		rw.WriteHeader(http.StatusNotFound)
	}
}

// good links to all there is.
func (h *hostile) good(rw http.ResponseWriter, req *http.Request) {
	rw.Header().Set("Content-Type", "text/html")
	if req.URL.Path != "/" || req.Host != "good.test" {
		return
	}
	for host := range h.hosts {
		fmt.Fprintf(rw, "<a href='http://%s/0'>", host)
	}
	fmt.Fprint(rw, "<a href='http://rules-endless.test/private'><a href='http://inside.test/'><a href='http://10.0.0.1/'>",
		"<a href='https://other.test/'><a href='https://example.com/'><a href='http://none.test/'>",
		"<a href='http://nul\x00.test/'><a href='http://nul%00.test/'><a href='http://a..test/'><a href='/nul\x00'><a href=/nul%00>")
}

// deeper leads from one number to the next, for ever; by links, or by a
// redirect where there is no page.
func deeper(page func(n int) string) http.HandlerFunc {
	return func(rw http.ResponseWriter, req *http.Request) {
		n, _ := strconv.Atoi(req.URL.Path[1:])
		text := page(n)
		if text == "" {
			http.Redirect(rw, req, fmt.Sprintf("/%d", n+1), http.StatusFound)
			return
		}
		rw.Header().Set("Content-Type", "text/html")
		fmt.Fprint(rw, text)
	}
}

// once sends a reply as it is, and closes.
func once(reply string) http.HandlerFunc { return endless(reply, "") }

// endless sends first, and then more again and again.
func endless(first, more string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		c, _, err := rw.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, err = io.WriteString(c, first)
		for more != "" && err == nil {
			_, err = io.WriteString(c, more)
		}
	}
}

func (h *hostile) dial(ctx context.Context, network, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	to := h.plain.Listener.Addr()
	if port == "443" {
		to = h.secure.Listener.Addr()
	}
	return new(net.Dialer).DialContext(ctx, network, to.String())
}

func (h *hostile) lookup(_ context.Context, host string) (netip.Addr, error) {
	switch host {
	case "inside.test":
		return netip.MustParseAddr("192.168.1.1"), nil
	case "none.test":
		return netip.Addr{}, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return netip.AddrFrom4([4]byte{20, host[0], host[1], byte(len(host))}), nil
}

// twoTimes gives the slow hosts little time, and the others enough on a slow
// machine.
type twoTimes struct{ long, short crawl.Fetcher }

func (f twoTimes) of(t *frontier.Task) crawl.Fetcher {
	if strings.Contains(t.Site, "slow") {
		return f.short
	}
	return f.long
}

func (f twoTimes) Fetch(ctx context.Context, t *frontier.Task) (fetch.Reply, error) {
	return f.of(t).Fetch(ctx, t)
}

func (f twoTimes) Robots(ctx context.Context, t *frontier.Task) (*robots.Rules, error) {
	return f.of(t).Robots(ctx, t)
}

// crawl crawls all of it, with bounds.
func (h *hostile) crawl(t *testing.T) (records map[string]*crawl.Record, left frontier.Counts) {
	store, err := disk.Open(disk.Options{PerHost: hostPagesMax})
	require.NoError(t, err)
	defer store.Close()
	f, err := frontier.New(store, frontier.Limits{PerAddress: 1, Refuse: func(a netip.Addr) error {
		if a.IsPrivate() {
			return fmt.Errorf("%v: %w", a, frontier.ErrExcluded)
		}
		return nil
	}})
	require.NoError(t, err)
	_, err = f.Add([]frontier.Link{{URL: "http://good.test/"}})
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(h.secure.Certificate()) // which has the name example.com
	options := fetch.Options{
		Dial: h.dial, Timeout: time.Minute, UserAgent: "test", BodyBytes: hostileBytes, PerAddress: 1, TLS: &tls.Config{RootCAs: roots},
	}
	long := fetch.New(options)
	options.Timeout = 300 * time.Millisecond
	var mu sync.Mutex
	records = make(map[string]*crawl.Record)
	c := crawl.New(crawl.Options{
		Frontier: f, Fetcher: twoTimes{long, fetch.New(options)}, Lookup: h.lookup, Parallel: 8, Lookups: 2,
		RedirectsMax: hostileRedirects,
		Write: func(r *crawl.Record) error {
			mu.Lock()
			defer mu.Unlock()
			records[r.URL] = r
			return nil
		},
	})
	require.NoError(t, c.Run(t.Context()), "it goes on, to the end")
	return records, f.Counts()
}

// TestAHostileWeb meets everything that a crawl may meet, at once. All of it
// ends, with its reason in the output, and nothing else suffers.
func TestAHostileWeb(t *testing.T) {
	t.Parallel()
	records, left := newHostile(t).crawl(t)
	for u, want := range map[string]string{
		"http://good.test/": "", "http://good.test/0": "", "http://good.test/nul%00": "",
		"http://redirect.test/0": "", "http://redirect.test/5": crawl.TooManyRedirects,
		"http://endless.test/0": fetch.TooLarge, "http://endless.test/of-what-came": fetch.TooLarge,
		"http://header.test/0": fetch.HeaderTooLarge, "http://chunk.test/0": fetch.BadReply, "http://length.test/0": fetch.CutShort,
		"http://slow.test/0": fetch.DeadlineExceeded, "http://bomb.test/0": fetch.Bomb,
		"http://rules-slow.test/0": fetch.DeadlineExceeded, "http://rules-error.test/0": crawl.Disallowed,
		"http://rules-endless.test/0": "", "http://rules-endless.test/private": crawl.Disallowed,
		"http://inside.test/": fetch.Excluded, "http://10.0.0.1/": fetch.Excluded, "http://none.test/": fetch.NoSuchName,
		"https://other.test/": fetch.BadCertificate, "https://example.com/": "",
	} {
		require.Contains(t, records, u)
		require.Equal(t, want, records[u].Error, "%s: %s", u, records[u].Detail)
	}
	require.Contains(t, records["http://rules-slow.test/0"].Detail, "robots.txt")
	perHost := map[string]int{}
	for u, r := range records {
		require.LessOrEqual(t, r.Bytes, int64(hostileBytes+1), "%s: one more shows that it is too long", u)
		require.NotContains(t, u, "nul%00.test")
		perHost[strings.Split(u, "/")[2]]++
	}
	require.Equal(t, hostileRedirects+1, perHost["redirect.test"])
	require.Equal(t, hostPagesMax, perHost["calendar.test"])
	require.Zero(t, left.Left)
	require.Positive(t, left.LeftOut, "the rest of the calendar is counted")
}

// TestDepthMax follows links to a depth; a redirect is no step.
func TestDepthMax(t *testing.T) {
	h := &hostile{hosts: map[string]http.HandlerFunc{"good.test": deeper(func(n int) string {
		if n%2 == 1 {
			return "" // redirects to n+1
		}
		return fmt.Sprintf("<a href=/%d>", n+1)
	})}}
	h.plain = httptest.NewServer(http.HandlerFunc(h.serve))
	defer h.plain.Close()
	f := newFrontier(t, frontier.Limits{PerAddress: 1}, "http://good.test/0")
	depths := map[string]int{}
	var mu sync.Mutex
	c := crawl.New(crawl.Options{
		Frontier: f, Lookup: h.lookup, Parallel: 2, Lookups: 1, RedirectsMax: 1, DepthMax: 3,
		Fetcher: fetch.New(fetch.Options{Dial: h.dial, Timeout: time.Minute, UserAgent: "test", BodyBytes: 1 << 20, PerAddress: 1}),
		Write: func(r *crawl.Record) error {
			mu.Lock()
			defer mu.Unlock()
			depths[r.URL] = r.Depth
			return nil
		},
	})
	require.NoError(t, c.Run(t.Context()))
	require.Equal(t, map[string]int{
		"http://good.test/0": 0, "http://good.test/1": 1, "http://good.test/2": 1, "http://good.test/3": 2, "http://good.test/4": 2,
		"http://good.test/5": 3, "http://good.test/6": 3,
	}, depths)
	require.Equal(t, 1, c.Counts().TooDeep)
	require.Zero(t, f.Counts().Left)
}
