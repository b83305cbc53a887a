package interop

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/nginx"
	"myriad/internal/testbed"
	"myriad/tcpclient"
)

const (
	nginxPort  = 8080
	tlsPort    = 8443
	nginxPages = 200
	bigBytes   = 50_000_000
	bigSeed    = 1 << 40
)

// pageBytes is the size of the nth small page: from nothing to many segments.
func pageBytes(n int) int {
	switch {
	case n == 0:
		return 0
	case n%10 == 9:
		return 30_000 + 101*n
	}
	return 1 + 37*n
}

func pagePath(n int) string { return fmt.Sprintf("/page%d", n) }

// startNginx serves the pages on every alias until the test ends, plain and
// with TLS; it returns whom to trust.
func startNginx(w *world) *x509.CertPool {
	w.t.Helper()
	dir := w.t.TempDir()
	root := filepath.Join(dir, "pages")
	require.NoError(w.t, os.Mkdir(root, 0o755))
	for n := range nginxPages {
		require.NoError(w.t, os.WriteFile(root+pagePath(n), contentBytes(uint64(n), pageBytes(n)), 0o644))
	}
	big, err := os.Create(filepath.Join(root, "big"))
	require.NoError(w.t, err)
	require.NoError(w.t, copyContent(big, bigSeed, bigBytes))
	require.NoError(w.t, big.Close())
	roots := selfSigned(w.t, dir)
	runServer(w, nginx.Command(w.t, dir, nginxHTTP(dir, root)), nginxPort)
	return roots
}

// nginxHTTP is what the configuration says of HTTP.
func nginxHTTP(dir, root string) string {
	return fmt.Sprintf(`
	keepalive_requests 1000000;
	default_type text/html;
	server {
		listen %d backlog=8192;
		listen %d ssl http2 backlog=8192;
		ssl_certificate %[3]s/%[4]s;
		ssl_certificate_key %[3]s/%[5]s;
		root %[6]s;
		add_header X-Addr $server_addr always;
		location = /silent { return 444; }
	}
`, nginxPort, tlsPort, dir, certificateFile, keyFile, root)
}

// nginxRequests interns a request for each page, kept alive and not.
type nginxRequests struct {
	keep, last [nginxPages]tcpclient.RequestID
	big        tcpclient.RequestID
	silent     tcpclient.RequestID
}

func internNginxRequests(t *testing.T, c *crew) (r nginxRequests) {
	for n := range nginxPages {
		start := "GET " + pagePath(n) + " HTTP/1.1\r\nHost: test\r\n"
		if n%7 == 0 { // several segments
			start += "X-Pad: " + strings.Repeat("x", 3000+n) + "\r\n"
		}
		r.keep[n] = c.intern(t, start+"\r\n")
		r.last[n] = c.intern(t, start+"Connection: close\r\n\r\n")
	}
	r.big = c.intern(t, "GET /big HTTP/1.1\r\nHost: test\r\n\r\n")
	r.silent = c.intern(t, "GET /silent HTTP/1.1\r\nHost: test\r\n\r\n")
	return r
}

// visits makes connections of one to five pages each, ended in every way.
func (r *nginxRequests) visits(count int) (all []task) {
	ends := []tcpclient.CloseHow{tcpclient.Reset, tcpclient.Fin, tcpclient.FinDiscard, 0}
	for k := range count {
		v := &visit{remote: target(k, nginxPort), how: ends[k%4], separate: k/4%2 == 0}
		for j := range 1 + k/8%5 {
			p := (k + 31*j) % nginxPages
			v.pages, v.requests = append(v.pages, p), append(v.requests, r.keep[p])
		}
		last := len(v.pages) - 1
		if v.how == 0 {
			v.requests[last] = r.last[v.pages[last]]
		}
		all = append(all, v)
	}
	return all
}

func TestNginxThroughHandler(t *testing.T) {
	for _, c := range []struct {
		name, backend string
		visits        int
	}{{"afxdp", "afxdp", 3000}, {"afpacket", "afpacket", 600}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.backend)
			startNginx(w)
			crew := newCrew(w, tcpclient.Config{})
			requests := internNginxRequests(t, crew)
			crew.run(t, 200, requests.visits(c.visits)...)
			crew.run(t, 1, &visit{remote: target(7, nginxPort), pages: []int{-1}, requests: []tcpclient.RequestID{requests.big}, how: tcpclient.Fin})
			crew.run(t, 20, silentVisits(&requests, 40)...)
			crew.close(t)
			s := crew.client.Stats()
			require.Zero(t, s.Failed, "%+v", s)
			require.EqualValues(t, s.Opened, s.Closed+s.Reset, "%+v", s)
			require.Zero(t, w.counter("TcpInErrs"), "wrong checksums or lengths from us")
		})
	}
}

func TestNginxUnderLoss(t *testing.T) {
	w := newLossyWorld(t, "", []string{testbed.DropTCP(30)}, []string{testbed.DropTCP(30)})
	startNginx(w)
	crew := newCrew(w, patient(tcpclient.Config{}))
	requests := internNginxRequests(t, crew)
	crew.run(t, 200, requests.visits(1000)...)
	require.NotZero(t, w.counter("TcpRetransSegs"))
	require.Zero(t, w.counter("TcpInErrs"))
}

// silentVisits ask for what nginx answers by closing.
func silentVisits(r *nginxRequests, count int) (all []task) {
	for k := range count {
		all = append(all, &visit{remote: target(k, nginxPort), requests: []tcpclient.RequestID{r.silent}, silent: true, separate: k%2 == 0})
	}
	return all
}

// newDialer makes a Dialer that has started at the near end of the world.
func newDialer(w *world) *tcpclient.Dialer {
	w.t.Helper()
	d := &tcpclient.Dialer{Config: patient(tcpclient.Config{Interfaces: []tcpclient.Interface{w.interfaceConfig()}})}
	require.NoError(w.t, w.near.Do(func() error {
		_, err := d.Client()
		return err
	}))
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(w.t, d.Shutdown(ctx))
	})
	return d
}

func TestNginxThroughNetHTTP(t *testing.T) {
	for _, backend := range []string{"afxdp", "afpacket"} {
		t.Run(backend, func(t *testing.T) {
			w := newWorld(t, backend)
			startNginx(w)
			d := newDialer(w)
			transport := &http.Transport{
				DialContext: d.DialContext, MaxIdleConnsPerHost: 4, DisableCompression: true,
			}
			defer transport.CloseIdleConnections()
			site := site{web: &http.Client{Transport: transport, Timeout: patience}, scheme: "http", port: nginxPort}
			site.fetchAll(t, 600)
			require.NoError(t, site.get(t.Context(), 3, "/big", bigSeed, bigBytes))
			s := d.Stats()
			require.Zero(t, s.Failed, "%+v", s)
			require.Less(t, s.Opened, uint64(600), "connections were kept alive")
		})
	}
}

// What a page loses on its way costs net/http only time.
func TestNginxThroughNetHTTPUnderLoss(t *testing.T) {
	w := newLossyWorld(t, "", []string{testbed.DropTCP(20)}, []string{testbed.DropTCP(20)})
	startNginx(w)
	d := newDialer(w)
	transport := &http.Transport{DialContext: d.DialContext, MaxIdleConnsPerHost: 4, DisableCompression: true}
	defer transport.CloseIdleConnections()
	site := site{web: &http.Client{Transport: transport, Timeout: patience}, scheme: "http", port: nginxPort}
	site.fetchAll(t, 200)
	require.NotZero(t, w.counter("TcpRetransSegs"))
	require.Zero(t, w.counter("TcpInErrs"))
}

// site is nginx as a web client sees it.
type site struct {
	web    *http.Client
	scheme string
	port   int
	http2  bool
}

// fetchAll gets count small pages, 32 at a time.
func (s *site) fetchAll(t *testing.T, count int) {
	t.Helper()
	next := make(chan int)
	failures := make(chan error, count)
	var wait sync.WaitGroup
	for range 32 {
		wait.Go(func() {
			for k := range next {
				p := k % nginxPages
				if err := s.get(t.Context(), k%40, pagePath(p), uint64(p), pageBytes(p)); err != nil {
					failures <- err
				}
			}
		})
	}
	for k := range count {
		next <- k
	}
	close(next)
	wait.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
}

// get fetches one page from the nth address and compares every byte.
func (s *site) get(ctx context.Context, n int, path string, seed uint64, size int) error {
	remote := target(n, s.port)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.scheme+"://"+remote.String()+path, nil)
	if err != nil {
		return err
	}
	response, err := s.web.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Header.Get("X-Addr") != remote.Addr().String() {
		return fmt.Errorf("%v%s: %s from %q", remote, path, response.Status, response.Header.Get("X-Addr"))
	}
	if (response.ProtoMajor == 2) != s.http2 || (response.TLS != nil) != (s.scheme == "https") {
		return fmt.Errorf("%v%s: %s", remote, path, response.Proto)
	}
	got, err := io.Copy(newChecker(seed), response.Body)
	if err == nil && got != int64(size) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("%v%s: %d of %d bytes: %w", remote, path, got, size, err)
	}
	return nil
}
