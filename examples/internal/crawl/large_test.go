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
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/crawl"
	"myriad/examples/internal/fetch"
	"myriad/examples/internal/frontier"
	"myriad/examples/internal/frontier/disk"
	"myriad/examples/internal/jsonl"
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
	b.Grow(4 << 10)
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

// BenchmarkLargeCrawl crawls a web that is made as it goes, with its frontier
// on disk. It tells of each tenth of its pages the rate, by the clock and by
// the processor time, and the memory that was resident, and how far it is every
// MYRIAD_CRAWL_EVERY (a minute). MYRIAD_CRAWL_PAGES says how many pages the web
// has (5000000 for the figure in bench/README.md); without it there are few.
// MYRIAD_CRAWL_STOP ends the crawl after so many of them.
func BenchmarkLargeCrawl(b *testing.B) {
	pages := number(b, "MYRIAD_CRAWL_PAGES", 20_000)
	for b.Loop() {
		crawlMade(b, &made{pages}, number(b, "MYRIAD_CRAWL_STOP", pages))
	}
}

// number reads a number from the environment.
func number(b *testing.B, name string, standard int) int {
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	require.NoError(b, err, name)
	return n
}

// crawlMade crawls until stop pages have their records.
func crawlMade(b *testing.B, m *made, stop int) {
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

	g := newGauge(b, stop)
	options := crawl.Options{
		Frontier: f, Fetcher: m, Lookup: m.lookup, Parallel: 128, Lookups: 8, RedirectsMax: 20,
		Write: func(r *crawl.Record) error {
			g.count()
			return out.Write(r)
		},
	}
	if stop < m.pages {
		options.PagesMax = stop
	}
	require.NoError(b, crawl.New(options).Run(b.Context()))
	g.stop()
	require.EqualValues(b, stop, g.written.Load(), "each once")
	if stop == m.pages {
		require.Equal(b, frontier.StoreCounts{Seen: m.pages}, f.Counts().StoreCounts)
	}
	g.report(b)
	b.Logf("%d pages of %d on %d hosts", stop, m.pages, m.hosts())
	require.NoError(b, store.Close())
}
