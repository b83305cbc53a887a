package crawl_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/crawl"
	"myriad/examples/internal/fetch"
	"myriad/examples/internal/frontier"
	"myriad/examples/internal/frontier/disk"
	"myriad/examples/internal/jsonl"
	"myriad/examples/internal/network"
	"myriad/examples/internal/robots"
)

// made is a web whose pages are made when they are asked for, without a
// network: 50 on each host, each with links to eight that come after it, to two
// anywhere, and to one of its own host.
type made struct{ pages int }

const madePerHost, madeBranches = 50, 8

func (m *made) hosts() int { return max(m.pages/madePerHost, 1) }

func (m *made) url(p int) string { return fmt.Sprintf("http://h%d.test/p/%d", p%m.hosts(), p) }

func (m *made) lookup(_ context.Context, host string) (netip.Addr, error) {
	n, err := strconv.Atoi(strings.TrimSuffix(host[1:], ".test"))
	return netip.AddrFrom4([4]byte{20, byte(n >> 16), byte(n >> 8), byte(n)}), err
}

func (m *made) Robots(context.Context, *frontier.Task) (*robots.Rules, error) {
	return robots.Parse(200, []byte("User-agent: *\nDisallow: /private/\n")), nil
}

var madeText = bytes.Repeat([]byte("nothing to be seen here, go on. "), 64)

func (m *made) Fetch(_ context.Context, t *frontier.Task) (fetch.Reply, error) {
	p, err := strconv.Atoi(t.URL[strings.LastIndexByte(t.URL, '/')+1:])
	if err != nil {
		return fetch.Reply{}, err
	}
	var b bytes.Buffer
	b.WriteString("<!doctype html><meta charset=utf-8><title>made</title>")
	link := func(to int) {
		if to < m.pages {
			b.WriteString("<p><a class=x href='" + m.url(to) + "'>there</a>")
		}
	}
	for k := range madeBranches {
		link(p*madeBranches + 1 + k)
	}
	random := rand.New(rand.NewPCG(1, uint64(p)))
	link(random.IntN(m.pages))
	link(random.IntN(m.pages))
	link(p%m.hosts() + m.hosts()*random.IntN(madePerHost))
	b.Write(madeText)
	return fetch.Reply{
		Status: 200, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, Body: b.Bytes(), Bytes: int64(b.Len()),
		Timing: fetch.Timing{Start: time.Now()},
	}, nil
}

// resident is the process's memory as the system sees it, in MB.
func resident() float64 {
	status, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(status))
	pages, _ := strconv.Atoi(fields[1])
	return float64(pages) * float64(os.Getpagesize()) / 1e6
}

// processor is the processor time of the process, which tells more than the
// clock where others use the machine.
func processor() time.Duration {
	u := network.Process()
	return u.User + u.System
}

// BenchmarkLargeCrawl crawls a web that is made as it goes, with its frontier
// on disk, and tells the rate over the second tenth and over the last tenth of
// its pages, their ratio, and the most memory that was resident at each.
// MYRIAD_CRAWL_PAGES says how many pages (5000000 for the figure in
// bench/README.md); without it there are few.
func BenchmarkLargeCrawl(b *testing.B) {
	pages := 20_000
	if text := os.Getenv("MYRIAD_CRAWL_PAGES"); text != "" {
		var err error
		pages, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	for b.Loop() {
		crawlMade(b, &made{pages})
	}
}

func crawlMade(b *testing.B, m *made) {
	dir := b.TempDir()
	store, err := disk.Open(disk.Options{Dir: filepath.Join(dir, "store")})
	require.NoError(b, err)
	f, err := frontier.New(store, frontier.Limits{PerAddress: 1, PerPrefix: 20})
	require.NoError(b, err)
	_, err = f.Add([]frontier.Link{{URL: m.url(0)}})
	require.NoError(b, err)
	out, file, err := jsonl.Open(filepath.Join(dir, "out.jsonl"))
	require.NoError(b, err)
	defer file.Close()

	tenth := max(m.pages/10, 1)
	var written atomic.Int64
	var mu sync.Mutex
	var at [11]time.Time
	var memory [11]float64
	var cpu [11]time.Duration
	at[0], cpu[0] = time.Now(), processor()
	c := crawl.New(crawl.Options{
		Frontier: f, Fetcher: m, Lookup: m.lookup, Parallel: 128, Lookups: 8, RedirectsMax: 20,
		Write: func(r *crawl.Record) error {
			if n := int(written.Add(1)); n%tenth == 0 && n/tenth <= 10 {
				mu.Lock()
				at[n/tenth], memory[n/tenth], cpu[n/tenth] = time.Now(), resident(), processor()
				mu.Unlock()
			}
			return out.Write(r)
		},
	})
	require.NoError(b, c.Run(b.Context()))
	require.EqualValues(b, m.pages, written.Load(), "each once")
	require.Equal(b, frontier.StoreCounts{Seen: m.pages}, f.Counts().StoreCounts)
	rate := func(k int) float64 { return float64(tenth) / at[k].Sub(at[k-1]).Seconds() }
	perCPU := func(k int) float64 { return float64(tenth) / (cpu[k] - cpu[k-1]).Seconds() }
	for k := 1; k <= 10; k++ {
		b.Logf("tenth %2d: %.0f pages a second, %.0f per CPU second, %.0f MB resident", k, rate(k), perCPU(k), memory[k])
	}
	var heap runtime.MemStats
	runtime.ReadMemStats(&heap)
	b.Logf("%d pages on %d hosts; %.0f MB of heap in use at the end", m.pages, m.hosts(), float64(heap.HeapInuse)/1e6)
	b.ReportMetric(rate(2), "pages/s-at-start")
	b.ReportMetric(rate(10), "pages/s-at-end")
	b.ReportMetric(rate(10)/rate(2), "end/start")
	b.ReportMetric(perCPU(10)/perCPU(2), "end/start-per-CPU-s")
	b.ReportMetric(memory[10], "MB-resident")
	require.NoError(b, store.Close())
}
