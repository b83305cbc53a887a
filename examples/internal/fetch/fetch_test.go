package fetch

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/weburl"
)

func newFetcher(timeout time.Duration) *Fetcher {
	return New(Options{
		Dial: new(net.Dialer).DialContext, Timeout: timeout, UserAgent: "MyriadCrawler/0.1 (+test)",
		BodyBytes: 1000, PerAddress: 1,
	})
}

func taskFor(t *testing.T, address string, slot *frontier.Slot) *frontier.Task {
	address, err := weburl.Parse(address)
	require.NoError(t, err)
	site, host, _ := weburl.Split(address)
	addr, err := netip.ParseAddr(host)
	if err != nil {
		addr = netip.MustParseAddr("127.0.0.1")
	}
	return &frontier.Task{Item: frontier.Item{Link: frontier.Link{URL: address}}, Site: site, Addr: addr, Slot: slot}
}

func TestFetch(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/html":
			rw.Header().Set("Content-Type", "Text/HTML; charset=utf-8")
			fmt.Fprint(rw, req.Host, " ", req.UserAgent())
		case "/image":
			rw.Header().Set("Content-Type", "image/png")
			fmt.Fprint(rw, "picture")
		case "/away":
			http.Redirect(rw, req, "/there#part", http.StatusFound)
		case "/busy":
			rw.Header().Set("Retry-After", "7")
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	f, slot := newFetcher(time.Minute), &frontier.Slot{}
	get := func(url string) Reply {
		r, err := f.Fetch(t.Context(), taskFor(t, url, slot))
		require.NoError(t, err)
		return r
	}

	r := get(server.URL + "/html")
	require.True(t, r.HTML())
	require.Equal(t, "127.0.0.1:"+port+" MyriadCrawler/0.1 (+test)", string(r.Body))
	require.EqualValues(t, len(r.Body), r.Bytes)
	require.False(t, r.Timing.Reused)
	require.Positive(t, r.Timing.Connect)
	require.GreaterOrEqual(t, r.Timing.LastByte, r.Timing.FirstByte)

	r = get(server.URL + "/image")
	require.Empty(t, r.Body)
	require.EqualValues(t, 7, r.Bytes)
	require.True(t, r.Timing.Reused)
	require.Zero(t, r.Timing.Connect)

	require.Equal(t, server.URL+"/there", get(server.URL+"/away").Location)
	r = get(server.URL + "/busy")
	require.Equal(t, 7*time.Second, r.RetryAfter())
	require.EqualValues(t, 1, connections.Load(), "one connection for all of a site")

	r = get("http://name.test:" + port + "/html")
	require.True(t, strings.HasPrefix(string(r.Body), "name.test:"), "the name is sent, the address dialled")
	require.False(t, r.Timing.Reused, "another site, another connection")
}

// raw answers each connection with text, and closes it.
func raw(t *testing.T, text string) string {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, text)
			if text == "" { // silent
				_, _ = c.Read(make([]byte, 1))
			}
			c.Close()
		}
	}()
	return "http://" + l.Addr().String() + "/"
}

func TestReasons(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	closed := "http://" + l.Addr().String() + "/"
	for name, test := range map[string]struct{ url, want string }{
		"closed port":    {closed, Refused},
		"no HTTP":        {raw(t, "hello\n"), BadReply},
		"bad length":     {raw(t, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), BadReply},
		"ended early":    {raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nabc"), CutShort},
		"chunk missing":  {raw(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), CutShort},
		"bad chunk":      {raw(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab"), BadReply},
		"too large":      {raw(t, "HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("x", 2000)), TooLarge},
		"huge header":    {raw(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20)+"\r\n\r\n"), HeaderTooLarge},
		"never answers":  {raw(t, ""), DeadlineExceeded},
		"nothing at all": {raw(t, "\r\n"), BadReply},
	} {
		timeout := 30 * time.Second
		if test.want == DeadlineExceeded {
			timeout = 50 * time.Millisecond
		}
		_, err := newFetcher(timeout).Fetch(t.Context(), taskFor(t, test.url, &frontier.Slot{}))
		require.Equal(t, test.want, Reason(err), "%s: %v", name, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = newFetcher(time.Minute).Fetch(ctx, taskFor(t, closed, &frontier.Slot{}))
	require.Equal(t, Stopped, Reason(err))
	require.Equal(t, NoSuchName, Reason(&net.DNSError{IsNotFound: true}))
	require.Equal(t, NameFailed, Reason(&net.DNSError{IsTimeout: true}))
	require.Empty(t, Reason(nil))
}

func TestRobotsFollowsRedirects(t *testing.T) {
	var other *httptest.Server
	first := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		http.Redirect(rw, req, other.URL+"/moved", http.StatusMovedPermanently)
	}))
	defer first.Close()
	other = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		require.Equal(t, "/moved", req.URL.Path)
		fmt.Fprint(rw, "User-agent: *\nDisallow: /x\n")
	}))
	defer other.Close()
	guests := 0
	f := New(Options{
		Dial: new(net.Dialer).DialContext, Timeout: time.Minute, BodyBytes: 1000, PerAddress: 2,
		Guest: func(_ context.Context, host string) (netip.Addr, func(), error) {
			guests++
			return netip.MustParseAddr(host), func() { guests-- }, nil
		},
	})
	rules, err := f.Robots(t.Context(), taskFor(t, first.URL+"/page", &frontier.Slot{}))
	require.NoError(t, err)
	require.False(t, rules.Allowed(first.URL+"/x"))
	require.True(t, rules.Allowed(first.URL+"/y"))
	require.Zero(t, guests)
}

func TestRobotsRedirectedForever(t *testing.T) {
	hops := 0
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		hops++
		http.Redirect(rw, req, req.URL.Path+"x", http.StatusFound)
	}))
	defer server.Close()
	rules, err := newFetcher(time.Minute).Robots(t.Context(), taskFor(t, server.URL, &frontier.Slot{}))
	require.NoError(t, err)
	require.True(t, rules.Allowed(server.URL+"/x"))
	require.Equal(t, robotsHops, hops)
}

func TestGate(t *testing.T) {
	g := newGate(2, 3, func(netip.Prefix) {})
	var mu sync.Mutex
	open, peak := map[string]int{}, map[string]int{}
	change := func(key string, by int) {
		mu.Lock()
		defer mu.Unlock()
		open[key] += by
		peak[key] = max(peak[key], open[key])
	}
	dial := func(_ context.Context, _, address string) (net.Conn, error) {
		change(address, 1)
		change("prefix", 1)
		c, _ := net.Pipe()
		return c, nil
	}
	var dialling sync.WaitGroup
	for k := range 40 {
		dialling.Go(func() {
			address := fmt.Sprintf("192.0.2.%d:80", k%3)
			c, err := g.dial(t.Context(), dial, "tcp", address)
			if err != nil {
				panic(err)
			}
			change(address, -1)
			change("prefix", -1)
			_ = c.Close()
			_ = c.Close() // twice is once
		})
	}
	dialling.Wait()
	require.LessOrEqual(t, peak["prefix"], 3)
	require.LessOrEqual(t, peak["192.0.2.0:80"], 2)
	require.Empty(t, g.addresses.all, "nothing is kept of an address that is left")
	require.Empty(t, g.prefixes.all)

	first, err := g.dial(t.Context(), dial, "tcp", "192.0.2.2:80")
	require.NoError(t, err)
	second, err := g.dial(t.Context(), dial, "tcp", "192.0.2.2:81")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = g.dial(ctx, dial, "tcp", "192.0.2.2:82")
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, first.Close())
	require.NoError(t, second.Close())
	require.Empty(t, g.addresses.all)
}
