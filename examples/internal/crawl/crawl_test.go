package crawl_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"myriad/examples/internal/crawl"
	"myriad/examples/internal/demoweb"
	"myriad/examples/internal/fetch"
	"myriad/examples/internal/frontier"
	"myriad/examples/internal/frontier/disk"
)

// loopback serves a web to the kernel's own TCP on 127.0.0.0/8. Silence and
// ICMP errors, which there are none of on the loopback, are made by dial.
type loopback struct {
	web    demoweb.Web
	server *demoweb.Server
	open   map[netip.Addr]int // connections that we have, by address
	peak   int
	mu     sync.Mutex
}

func newLoopback(t *testing.T, pages, hosts int) *loopback {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	closed := uint16(l.Addr().(*net.TCPAddr).Port)
	require.NoError(t, l.Close())
	all, err := net.Listen("tcp4", ":0") // on every address of 127.0.0.0/8
	if err != nil {
		t.Fatal(err)
	}
	w := &loopback{web: demoweb.Default(5, pages, hosts), open: make(map[netip.Addr]int)}
	w.web.Port, w.web.Closed = uint16(all.Addr().(*net.TCPAddr).Port), closed
	w.web.First = netip.MustParseAddr("127.1.0.1")
	w.web.BytesMax, w.web.SlowMax = 200_000, 20
	w.server = demoweb.NewServer(&w.web)
	go w.server.Serve(all)
	t.Cleanup(func() { w.server.Close() })
	return w
}

func (w *loopback) dial(ctx context.Context, network, address string) (net.Conn, error) {
	target := netip.MustParseAddrPort(address).Addr()
	if target.As4()[0] != 127 {
		err := syscall.ETIMEDOUT
		if target.As4()[2] >= 192 {
			err = syscall.EHOSTUNREACH
		}
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	w.note(target, 1)
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		w.note(target, -1)
		return nil, err
	}
	return &noted{Conn: c, close: sync.OnceFunc(func() { w.note(target, -1) })}, nil
}

func (w *loopback) note(target netip.Addr, change int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[target] += change
	w.peak = max(w.peak, w.open[target])
}

func (w *loopback) peakOpen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.peak
}

type noted struct {
	net.Conn
	close func()
}

func (n *noted) Close() error {
	n.close()
	return n.Conn.Close()
}

func (w *loopback) lookup(_ context.Context, host string) (netip.Addr, error) {
	if addr, ok := w.web.NameAddr(host); ok {
		return addr, nil
	}
	return netip.Addr{}, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// newFrontier is one in memory.
func newFrontier(t *testing.T, limits frontier.Limits, seed string) *frontier.Frontier {
	store, err := disk.Open(disk.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	f, err := frontier.New(store, limits)
	require.NoError(t, err)
	_, err = f.Add([]frontier.Link{{URL: seed}})
	require.NoError(t, err)
	return f
}

// run crawls with the given limits and returns all records.
func (w *loopback) run(t *testing.T, limits frontier.Limits, change func(*crawl.Options)) (map[string]*crawl.Record, *crawl.Crawl, error) {
	f := newFrontier(t, limits, w.web.Root())
	var mu sync.Mutex
	records := make(map[string]*crawl.Record)
	o := crawl.Options{
		Frontier: f, Lookup: w.lookup, Parallel: 32, Lookups: 4, RedirectsMax: 10,
		Fetcher: fetch.New(fetch.Options{Dial: w.dial, Timeout: time.Minute, UserAgent: "test", BodyBytes: 1 << 20,
			PerAddress: limits.PerAddress}),
		Write: func(r *crawl.Record) error {
			mu.Lock()
			defer mu.Unlock()
			assert.NotContains(t, records, r.URL, "each once")
			records[r.URL] = r
			return nil
		},
	}
	if change != nil {
		change(&o)
	}
	c := crawl.New(o)
	return records, c, c.Run(t.Context())
}

// comparing compares every body with the page's bytes.
type comparing struct {
	crawl.Fetcher
	t     *testing.T
	web   *demoweb.Web
	pages map[string]int
	count atomic.Int32
}

func (c *comparing) Fetch(ctx context.Context, task *frontier.Task) (fetch.Reply, error) {
	r, err := c.Fetcher.Fetch(ctx, task)
	if p, ok := c.pages[task.URL]; ok {
		var want bytes.Buffer
		for piece := range c.web.PageAt(p).Pieces {
			want.Write(piece)
		}
		assert.True(c.t, bytes.Equal(want.Bytes(), r.Body), "the bytes of page %d", p)
		c.count.Add(1)
	}
	return r, err
}

func TestACrawlFindsExactlyWhatThereIs(t *testing.T) {
	w := newLoopback(t, 1200, 40)
	pages := make(map[string]int)
	for p := range w.web.Pages {
		pages[w.web.PageURL(p)] = p
	}
	compare := &comparing{t: t, web: &w.web, pages: pages}
	records, c, err := w.run(t, frontier.Limits{PerAddress: 4}, func(o *crawl.Options) {
		compare.Fetcher, o.Fetcher = o.Fetcher, compare
	})
	require.NoError(t, err)
	require.EqualValues(t, w.web.Pages, compare.count.Load())
	require.Len(t, records, w.web.Count())
	for u, o := range w.web.Each {
		r := records[u]
		require.NotNil(t, r, u)
		switch o {
		case demoweb.Found:
			page := w.web.PageAt(pages[u])
			require.Equal(t, 200, r.Status, r.Detail)
			require.EqualValues(t, page.Bytes, r.Bytes)
			require.Equal(t, len(page.Links), r.Links)
			require.NotZero(t, r.LastByteUS)
			require.True(t, r.Reused || r.ConnectUS > 0)
			require.LessOrEqual(t, r.FirstByteUS, r.LastByteUS)
		case demoweb.Redirected:
			require.Equal(t, 3, r.Status/100)
			require.Contains(t, pages, r.Location)
		case demoweb.NotFound:
			require.Equal(t, 404, r.Status)
		default:
			require.Equal(t, map[demoweb.Outcome]string{
				demoweb.Forbidden: crawl.Disallowed, demoweb.PortClosed: fetch.Refused, demoweb.NoAnswer: fetch.TimedOut,
				demoweb.HostUnreachable: fetch.Unreachable, demoweb.NoName: fetch.NoSuchName,
			}[o], r.Error, u)
			require.Zero(t, r.Status)
		}
	}
	counts := c.Counts()
	require.Equal(t, w.web.Count(), counts.Pages)
	require.Equal(t, w.web.Missing, counts.ByStatus[404])
	require.Positive(t, counts.Reused, "connections are kept")
	require.LessOrEqual(t, w.peakOpen(), 4)
}

func TestOneConnectionPerAddressWithAPause(t *testing.T) {
	w := newLoopback(t, 30, 3)
	start := time.Now()
	const pause = 100 * time.Millisecond
	records, _, err := w.run(t, frontier.Limits{PerAddress: 1, Pause: pause}, nil)
	require.NoError(t, err)
	require.Len(t, records, w.web.Count())
	require.Equal(t, 1, w.peakOpen(), "as we count")
	require.Equal(t, 1, w.server.Report().PeakPerAddress, "as the server counts")
	require.GreaterOrEqual(t, time.Since(start), 10*pause)
}

func TestPagesMax(t *testing.T) {
	w := newLoopback(t, 300, 10)
	records, _, err := w.run(t, frontier.Limits{PerAddress: 2}, func(o *crawl.Options) { o.PagesMax = 57 })
	require.NoError(t, err)
	require.Len(t, records, 57)
}

func TestIgnoreRobots(t *testing.T) {
	w := newLoopback(t, 200, 5)
	records, c, err := w.run(t, frontier.Limits{PerAddress: 2}, func(o *crawl.Options) { o.IgnoreRobots = true })
	require.NoError(t, err)
	require.Equal(t, 404, records[w.web.PrivateURL(0)].Status)
	require.Zero(t, c.Counts().Robots)
}

func TestAnOutputThatFailsEndsTheCrawl(t *testing.T) {
	w := newLoopback(t, 300, 10)
	full := errors.New("disk full")
	_, _, err := w.run(t, frontier.Limits{PerAddress: 2}, func(o *crawl.Options) {
		o.Write = func(*crawl.Record) error { return full }
	})
	require.ErrorIs(t, err, full)
}

func TestAnInterruptLosesOnlyWhatIsInHand(t *testing.T) {
	w := newLoopback(t, 600, 20)
	f := newFrontier(t, frontier.Limits{PerAddress: 2}, w.web.Root())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var written atomic.Int32
	c := crawl.New(crawl.Options{
		Frontier: f, Lookup: w.lookup, Parallel: 16, Lookups: 2,
		Fetcher: fetch.New(fetch.Options{Dial: w.dial, Timeout: time.Minute, UserAgent: "test", BodyBytes: 1 << 20, PerAddress: 2}),
		Write: func(*crawl.Record) error {
			if written.Add(1) == 50 {
				cancel()
			}
			return nil
		},
	})
	require.ErrorIs(t, c.Run(ctx), context.Canceled)
	counts, left := c.Counts(), f.Counts()
	require.EqualValues(t, written.Load(), counts.Pages)
	require.LessOrEqual(t, counts.Abandoned, 2*16)
	require.Equal(t, left.Seen, counts.Pages+left.Left)
	require.GreaterOrEqual(t, left.Left, counts.Abandoned)
	require.Zero(t, left.Active)
}
