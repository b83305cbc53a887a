package pages

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"myriad/internal/nginx"
	"myriad/internal/testbed"
	"myriad/tcpclient"
)

const (
	pageBytes = 8 << 10
	parallel  = 64
	// turnTime is one method's turn, once it is open.
	turnTime = time.Second
	request  = "GET /page HTTP/1.1\r\nHost: pages.test\r\nConnection: close\r\n\r\n"
	server   = "10.78.0.2:80"
	// clientMark makes the test binary the client.
	clientMark = "MYRIAD_PAGES_ROUNDS"
	// farMark has the client know nginx's process.
	farMark = "MYRIAD_PAGES_FAR"
	// onlyMark chooses methods, by their names with commas between.
	onlyMark = "MYRIAD_PAGES_ONLY"
)

// fetcher fetches pages until it is time.
type fetcher func(until time.Time) (pages uint64, err error)

// methods are in the order of a round. What they open is no part of their turn:
// the kernel is open already.
var methods = []struct {
	name string
	open func() (fetch fetcher, end func(), err error)
}{
	{"net.Dial", func() (fetcher, func(), error) { return dialPages, func() {}, nil }},
	{"Handler", openHandler},
	{"net/http", func() (fetcher, func(), error) { return httpPages(new(net.Dialer).DialContext), func() {}, nil }},
	{"Dialer", openDialer},
}

// turn is what came of one method's turn.
type turn struct {
	Method string
	Pages  uint64
	Took   float64 // seconds
	CPU    float64 // seconds of this process
	Far    float64 // seconds of nginx
}

func TestMain(m *testing.M) {
	if text := os.Getenv(clientMark); text != "" {
		var rounds int
		_, err := fmt.Sscan(text, &rounds)
		if err == nil {
			err = client(rounds)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// client is the process that fetches: it prints a turn a line.
func client(rounds int) error {
	out := json.NewEncoder(os.Stdout)
	for range rounds {
		for _, m := range methods {
			if only := os.Getenv(onlyMark); only != "" && !slices.Contains(strings.Split(only, ","), m.name) {
				continue
			}
			fetch, end, err := m.open()
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			start, before, far := time.Now(), processor(), farProcessor()
			n, err := fetch(start.Add(turnTime))
			t := turn{m.name, n, time.Since(start).Seconds(), (processor() - before).Seconds(), farProcessor() - far}
			end()
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			if err := out.Encode(t); err != nil {
				return err
			}
		}
	}
	return nil
}

func processor() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// farProcessor is the processor time that nginx has used, in seconds.
func farProcessor() float64 {
	text, err := os.ReadFile("/proc/" + os.Getenv(farMark) + "/schedstat") // ns run, ns waited, turns
	if err != nil {
		return 0
	}
	var ns float64
	_, _ = fmt.Sscan(string(text), &ns)
	return ns / 1e9
}

// several lets parallel goroutines fetch until it is time.
func several(until time.Time, fetch func() error) (pages uint64, err error) {
	var running sync.WaitGroup
	var count atomic.Uint64
	var failure atomic.Pointer[error]
	for range parallel {
		running.Go(func() {
			for time.Now().Before(until) && failure.Load() == nil {
				if err := fetch(); err != nil {
					failure.Store(&err)
					return
				}
				count.Add(1)
			}
		})
	}
	running.Wait()
	if f := failure.Load(); f != nil {
		return 0, *f
	}
	return count.Load(), nil
}

var errShort = fmt.Errorf("no whole page")

// dialPages sends the request over the kernel's connections and reads to the
// end.
func dialPages(until time.Time) (uint64, error) {
	buffers := sync.Pool{New: func() any { return new([16 << 10]byte) }}
	return several(until, func() error {
		c, err := net.Dial("tcp4", server)
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := io.WriteString(c, request); err != nil {
			return err
		}
		b := buffers.Get().(*[16 << 10]byte)
		defer buffers.Put(b)
		total := 0
		for {
			n, err := c.Read(b[:])
			total += n
			if err == io.EOF && total > pageBytes {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%d bytes: %w: %w", total, errShort, err)
			}
		}
	})
}

// httpPages fetches with net/http.
func httpPages(dial func(context.Context, string, string) (net.Conn, error)) fetcher {
	return func(until time.Time) (uint64, error) {
		web := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true, DisableCompression: true}}
		return several(until, func() error {
			reply, err := web.Get("http://" + server + "/page")
			if err != nil {
				return err
			}
			defer reply.Body.Close()
			n, err := io.Copy(io.Discard, reply.Body)
			if err == nil && n != pageBytes {
				err = errShort
			}
			return err
		})
	}
}

var sources = netip.MustParsePrefix("10.78.1.0/24")

func openDialer() (fetcher, func(), error) {
	d := &tcpclient.Dialer{Config: tcpclient.Config{Interfaces: []tcpclient.Interface{device()}}}
	if _, err := d.Client(); err != nil {
		return nil, nil, err
	}
	return httpPages(d.DialContext), func() { d.Close() }, nil
}

func device() tcpclient.Interface {
	return tcpclient.Interface{Name: "wan0", Backend: "afxdp", Sources: []netip.Prefix{sources}}
}

// grabber is the Handler: it keeps its share of the connections open, until it
// is time.
type grabber struct {
	until   time.Time
	request tcpclient.RequestID
	share   int
	open    int
	bytes   map[uint64]int
	next    uint64
	pages   *atomic.Uint64
	failed  *atomic.Pointer[error]
	idle    *sync.WaitGroup
	ended   bool
}

func (g *grabber) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	var closes []tcpclient.Close
	for _, e := range events {
		switch e.Kind {
		case tcpclient.Data:
			g.bytes[e.User] += len(e.Data)
		case tcpclient.EndOfStream:
			closes = append(closes, tcpclient.Close{Conn: e.Conn, How: tcpclient.Fin})
		case tcpclient.Closed, tcpclient.Failed:
			g.open--
			if e.Kind == tcpclient.Failed || g.bytes[e.User] <= pageBytes {
				err := fmt.Errorf("%d bytes: %w: %v", g.bytes[e.User], errShort, e.Reason)
				g.failed.Store(&err)
			}
			delete(g.bytes, e.User)
			g.pages.Add(1)
		}
	}
	w.Close(closes, make([]error, len(closes)))
}

func (g *grabber) OpenMore(w *tcpclient.Worker, room int) {
	if g.until.IsZero() {
		return
	}
	if time.Now().After(g.until) || g.failed.Load() != nil {
		if g.open == 0 && !g.ended {
			g.ended = true
			g.idle.Done()
		}
		return
	}
	opens := make([]tcpclient.Open, max(min(room, g.share-g.open), 0))
	for k := range opens {
		g.next++
		opens[k] = tcpclient.Open{Remote: netip.MustParseAddrPort(server), User: g.next, Request: g.request}
	}
	opened := make([]tcpclient.Opened, len(opens))
	w.Open(opens, opened)
	for _, o := range opened {
		if o.Err == nil {
			g.open++
		}
	}
}

func openHandler() (fetcher, func(), error) {
	var pages atomic.Uint64
	var failed atomic.Pointer[error]
	var idle sync.WaitGroup
	var grabbers []*grabber
	c, err := tcpclient.New(tcpclient.Config{Interfaces: []tcpclient.Interface{device()}}, func(*tcpclient.Worker) tcpclient.Handler {
		g := &grabber{bytes: make(map[uint64]int), pages: &pages, failed: &failed, idle: &idle}
		grabbers = append(grabbers, g)
		return g
	})
	if err != nil {
		return nil, nil, err
	}
	id, err := c.Intern([]byte(request))
	if err == nil {
		err = c.Start()
	}
	wake := func() {
		for k := range c.Workers() {
			c.Wake(k)
		}
	}
	idle.Add(len(grabbers))
	return func(until time.Time) (uint64, error) {
		for k, g := range grabbers {
			// On the worker's goroutine, whose they are.
			if err := c.Do(k, func(*tcpclient.Worker) { g.until, g.request, g.share = until, id, parallel/len(grabbers) }); err != nil {
				return 0, err
			}
		}
		wake()
		time.Sleep(time.Until(until))
		wake()
		idle.Wait()
		if f := failed.Load(); f != nil {
			return 0, *f
		}
		return pages.Load(), nil
	}, func() { _ = c.Close(context.Background()) }, err
}

// BenchmarkPages runs a round of all methods per iteration.
func BenchmarkPages(b *testing.B) {
	testbed.Require(b)
	near, far := startNginx(b)
	turns := map[string][]turn{}
	for b.Loop() {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), clientMark+"=1", fmt.Sprint(farMark, "=", far))
		cmd.Stderr = os.Stderr
		var out bytes.Buffer
		cmd.Stdout = &out
		require.NoError(b, near.Start(cmd))
		require.NoError(b, cmd.Wait())
		for line := range bytes.Lines(out.Bytes()) {
			var t turn
			require.NoError(b, json.Unmarshal(line, &t))
			turns[t.Method] = append(turns[t.Method], t)
		}
	}
	rate := func(method string) float64 {
		return median(turns[method], func(t turn) float64 { return float64(t.Pages) / t.Took })
	}
	cpu := func(method string) float64 {
		return median(turns[method], func(t turn) float64 { return 1000 * t.CPU / float64(t.Pages) })
	}
	both := func(method string) float64 {
		return median(turns[method], func(t turn) float64 { return 1000 * (t.CPU + t.Far) / float64(t.Pages) })
	}
	for _, m := range methods {
		if turns[m.name] != nil {
			b.Logf("%-8s %8.0f pages a second, CPU seconds per 1,000 pages: %.3f the client's, %.3f nginx's", m.name,
				rate(m.name), cpu(m.name), both(m.name)-cpu(m.name))
		}
	}
	if len(turns) < len(methods) {
		return
	}
	b.ReportMetric(rate("Handler")/rate("net.Dial"), "Handler/net.Dial")
	b.ReportMetric(rate("Dialer")/rate("net/http"), "Dialer/net.Dial-in-net/http")
	b.ReportMetric(cpu("Handler")/cpu("net.Dial"), "Handler/net.Dial-CPU")
	b.ReportMetric(both("Handler")/both("net.Dial"), "Handler/net.Dial-CPU-of-both-ends")
}

func median(turns []turn, of func(turn) float64) float64 {
	var all []float64
	for _, t := range turns {
		all = append(all, of(t))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// startNginx serves the page in a namespace of its own until the benchmark
// ends, and returns where to fetch it from, and its process.
func startNginx(b *testing.B) (near *testbed.Namespace, far int) {
	near, err := testbed.NewNamespace()
	require.NoError(b, err)
	b.Cleanup(func() { near.Close() })
	there, err := testbed.NewNamespace()
	require.NoError(b, err)
	b.Cleanup(func() { there.Close() })
	_, err = testbed.Veth(near, there, testbed.VethConfig{
		NearName: "wan0", FarName: "far0", Queues: 2, DisableOffloads: true,
		NearAddr: netip.MustParsePrefix("10.78.0.1/24"), FarAddr: netip.MustParsePrefix("10.78.0.2/24"),
		Sources: []netip.Prefix{sources},
	})
	require.NoError(b, err)
	dir := b.TempDir()
	require.NoError(b, os.WriteFile(filepath.Join(dir, "page"), bytes.Repeat([]byte("page "), pageBytes)[:pageBytes], 0o644))
	http := fmt.Sprintf("server { listen 80 backlog=4096; root %s; }", dir)
	return near, nginx.Serve(b, near, there, dir, http, server)
}
