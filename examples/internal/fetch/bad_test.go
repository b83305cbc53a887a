package fetch

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"myriad/examples/internal/frontier"
)

func packed(t *testing.T, encoding string, text []byte) []byte {
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if encoding == "zstd" {
		var err error
		w, err = zstd.NewWriter(&b)
		require.NoError(t, err)
	}
	_, err := w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// TestPackedBodies has bodies within bounds, bombs, and what is packed wrong.
func TestPackedBodies(t *testing.T) {
	page := []byte("<a href=/x>" + strings.Repeat("y", 500))
	bomb := make([]byte, 20<<20)
	for name, test := range map[string]struct {
		encoding string
		body     []byte
		want     string
	}{
		"gzip":            {"gzip", packed(t, "gzip", page), ""},
		"zstd":            {"zstd", packed(t, "zstd", page), ""},
		"identity":        {"identity", page, ""},
		"gzip bomb":       {"gzip", packed(t, "gzip", bomb), Bomb},
		"zstd bomb":       {"zstd", packed(t, "zstd", bomb), Bomb},
		"not gzip":        {"gzip", page, BadEncoding},
		"gzip cut":        {"gzip", packed(t, "gzip", page)[:15], BadEncoding},
		"gzip damaged":    {"gzip", append([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"), bytes.Repeat([]byte{0xff}, 50)...), BadEncoding},
		"zstd damaged":    {"zstd", append([]byte("\x28\xb5\x2f\xfd"), bytes.Repeat([]byte{0xff}, 50)...), BadEncoding},
		"not asked for":   {"br", page, BadEncoding},
		"too large as is": {"gzip", bytes.Repeat(packed(t, "gzip", nil), 500), TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
				require.Equal(t, acceptEncoding, req.Header.Get("Accept-Encoding"))
				rw.Header().Set("Content-Type", "text/html")
				rw.Header().Set("Content-Encoding", test.encoding)
				_, _ = rw.Write(test.body)
			}))
			defer server.Close()
			f := newFetcher(time.Minute)
			if test.want == Bomb {
				f.options.BodyBytes = 4 << 20 // more than it has packed
			}
			r, err := f.Fetch(t.Context(), taskFor(t, server.URL, &frontier.Slot{}))
			require.Equal(t, test.want, Reason(err), err)
			if test.want == "" {
				require.Equal(t, page, r.Body)
				require.EqualValues(t, len(test.body), r.Bytes, "as it was sent")
				require.Len(t, r.Digest, len("sha256:")+64)
			}
			require.LessOrEqual(t, len(r.Body), 4<<20+1)
			r.Release()
			require.EqualValues(t, memoryMax, f.memory.free.Load())
		})
	}
}

// TestLongBodiesShareABudget takes the budget away, and asks for a long body.
func TestLongBodiesShareABudget(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		_, _ = rw.Write(make([]byte, 2<<20))
	}))
	defer server.Close()
	f := newFetcher(time.Minute)
	f.options.BodyBytes = 16 << 20
	f.memory.free.Store(1 << 20)
	r, err := f.Fetch(t.Context(), taskFor(t, server.URL, &frontier.Slot{}))
	require.Equal(t, NoMemory, Reason(err))
	r.Release()
	require.EqualValues(t, 1<<20, f.memory.free.Load())
}

// TestSlowLoris sends a byte now and then, for ever: in the header, in the
// body, and in the handshake of TLS.
func TestSlowLoris(t *testing.T) {
	for name, start := range map[string]string{
		"header": "HTTP/1.1 200 OK\r\nX: ", "body": "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "handshake": "",
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp4", "127.0.0.1:0")
			require.NoError(t, err)
			defer l.Close()
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				_, _ = c.Read(make([]byte, 4096))
				text := start
				for {
					if _, err := io.WriteString(c, text); err != nil {
						return
					}
					if name != "handshake" {
						text = "x"
					}
					time.Sleep(10 * time.Millisecond)
				}
			}()
			scheme := "http://"
			if name == "handshake" {
				scheme = "https://"
			}
			_, err = newFetcher(200*time.Millisecond).Fetch(t.Context(), taskFor(t, scheme+l.Addr().String()+"/", &frontier.Slot{}))
			require.Equal(t, DeadlineExceeded, Reason(err), err)
		})
	}
}

// TestEndlessHeaders would send 2 GB of them.
func TestEndlessHeaders(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	sent := make(chan int64, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		// A reply before the request is another fault.
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		n, _ := io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		line := []byte("X-Line: " + strings.Repeat("x", 4000) + "\r\n")
		total := int64(n)
		for total < 2<<30 {
			n, err := c.Write(line)
			total += int64(n)
			if err != nil {
				break
			}
		}
		sent <- total
	}()
	_, err = newFetcher(time.Minute).Fetch(t.Context(), taskFor(t, "http://"+l.Addr().String()+"/", &frontier.Slot{}))
	require.Equal(t, HeaderTooLarge, Reason(err), err)
	require.Less(t, <-sent, int64(64<<20), "the far end stops when we do")
}

// secure serves HTTP/2 and HTTP/1.1 over TLS, for the names that httptest's
// certificate has: example.com and 127.0.0.1.
func secure(t *testing.T) (server *httptest.Server, f *Fetcher) {
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		if req.URL.Path == "/huge" {
			for i := range 200 {
				rw.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 1000))
			}
		}
		fmt.Fprint(rw, req.Proto)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	f = newFetcher(time.Minute)
	f.options.TLS = &tls.Config{RootCAs: roots}
	return server, f
}

func TestHTTPS(t *testing.T) {
	server, f := secure(t)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	slot := &frontier.Slot{}
	for k, want := range []bool{false, true} {
		r, err := f.Fetch(t.Context(), taskFor(t, "https://example.com:"+port+"/", slot))
		require.NoError(t, err)
		require.Equal(t, "HTTP/2.0", r.Proto)
		require.Equal(t, "HTTP/2.0", string(r.Body))
		require.Equal(t, want, r.Timing.Reused, k)
	}
	_, err = f.Fetch(t.Context(), taskFor(t, "https://other.test:"+port+"/", slot))
	require.Equal(t, BadCertificate, Reason(err), "a certificate of another name: %v", err)
	_, err = f.Fetch(t.Context(), taskFor(t, "https://example.com:"+port+"/huge", slot))
	require.Equal(t, BadReply, Reason(err), "HTTP/2 gives no better reason: %v", err)
	_, err = newFetcher(time.Minute).Fetch(t.Context(), taskFor(t, server.URL, &frontier.Slot{}))
	require.Equal(t, BadCertificate, Reason(err), "a certificate of nobody: %v", err)
	_, err = f.Fetch(t.Context(), taskFor(t, strings.Replace(raw(t, "HTTP/1.1 200 OK\r\n\r\n"), "http", "https", 1), slot))
	require.Equal(t, BadTLS, Reason(err), "no TLS at all: %v", err)
}

// TestABadRedirect has a Location that is none.
func TestABadRedirect(t *testing.T) {
	for _, where := range []string{"http://a\x00b.test/", "http://[::1", "ftp://a.test/", "http://" + strings.Repeat("a", 300) + ".test/"} {
		r, err := newFetcher(time.Minute).Fetch(t.Context(), taskFor(t, raw(t, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "+where+"\r\n\r\n"), &frontier.Slot{}))
		if err != nil { // a NUL in a header is no HTTP
			require.Equal(t, BadReply, Reason(err), err)
			continue
		}
		require.True(t, r.BadLocation, where)
		require.Empty(t, r.Location)
	}
}

// TestRobotsRedirectedInside leads a robots.txt to an address that is left
// alone.
func TestRobotsRedirectedInside(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("http://169.254.169.254/robots.txt", http.StatusFound))
	defer server.Close()
	f := newFetcher(time.Minute)
	f.options.Guest = func(_ context.Context, host string) (netip.Addr, func(), error) {
		return netip.Addr{}, nil, fmt.Errorf("%w: %s", frontier.ErrExcluded, host)
	}
	_, err := f.Robots(t.Context(), taskFor(t, server.URL, &frontier.Slot{}))
	require.Equal(t, Excluded, Reason(err))
}

// TestBadRobots has robots.txt files that are slow, endless or an error.
func TestBadRobots(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		switch req.Host {
		case "slow.test":
			<-req.Context().Done()
		case "error.test":
			rw.WriteHeader(http.StatusInternalServerError)
		case "endless.test":
			_, _ = io.WriteString(rw, "User-agent: *\nDisallow: /private\n")
			for {
				if _, err := rw.Write(bytes.Repeat([]byte("# nothing\n"), 1000)); err != nil {
					return
				}
			}
		}
	}))
	defer server.Close()
	ask := func(host string, timeout time.Duration) (allowed bool, err error) {
		f := newFetcher(timeout)
		f.options.BodyBytes = 1 << 20
		f.options.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		}
		rules, err := f.Robots(t.Context(), taskFor(t, "http://"+host+"/", &frontier.Slot{}))
		if err != nil {
			return false, err
		}
		require.False(t, rules.Allowed("http://"+host+"/private"))
		return rules.Allowed("http://" + host + "/x"), nil
	}
	_, err := ask("slow.test", 100*time.Millisecond)
	require.Equal(t, DeadlineExceeded, Reason(err))
	allowed, err := ask("error.test", time.Minute)
	require.NoError(t, err)
	require.False(t, allowed, "RFC 9309 §2.3.1.4")
	allowed, err = ask("endless.test", time.Minute)
	require.NoError(t, err)
	require.True(t, allowed, "what was read of it counts")
}
