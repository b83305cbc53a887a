package crawl_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"

	"myriad/examples/internal/crawl"
	"myriad/examples/internal/fetch"
	"myriad/examples/internal/frontier"
	"myriad/examples/internal/frontier/disk"
	"myriad/examples/internal/jsonl"
	"myriad/examples/internal/network"
	"myriad/internal/nginx"
	"myriad/internal/testbed"
	"myriad/tcpclient"
)

// What nginx serves: pages of 8 KB in a tree, on addresses that are all its
// own.
const (
	servedPages     = 8000
	servedAddresses = 64
	servedBytes     = 8 << 10
	servedBranches  = 8
	servedMark      = "MYRIAD_CRAWL_SERVED" // makes the test binary the client
)

func servedURL(p int) string {
	return fmt.Sprintf("http://198.19.0.%d/%d.html", 1+p%servedAddresses, p)
}

// turn is one crawl of all of it, and what it took. Shares are of the client's
// processor time, by component.
type turn struct {
	Over   string
	Took   float64 // seconds
	CPU    float64 // seconds
	Shares map[string]float64
}

func TestMain(m *testing.M) {
	if text := os.Getenv(servedMark); text != "" {
		round, _ := strconv.Atoi(text)
		if err := crawlServed(round); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// BenchmarkWholeCrawler crawls pages that nginx serves in another namespace,
// with all that the crawler does (robots.txt, frontier on disk, links, digests,
// output), in turns over Myriad's Dialer and over the kernel's net.Dial. It
// prints the medians, their ratios, and which component used how much of the
// processor time. The profiles go to the folder MYRIAD_CRAWL_PROFILES, if that
// is set.
func BenchmarkWholeCrawler(b *testing.B) {
	testbed.Require(b)
	near := serveTree(b)
	turns := map[string][]turn{}
	for round := 0; b.Loop(); round++ {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), servedMark+"="+strconv.Itoa(round))
		cmd.Stderr = os.Stderr
		var out bytes.Buffer
		cmd.Stdout = &out
		require.NoError(b, near.Start(cmd))
		require.NoError(b, cmd.Wait())
		for line := range bytes.Lines(out.Bytes()) {
			var t turn
			require.NoError(b, json.Unmarshal(line, &t))
			turns[t.Over] = append(turns[t.Over], t)
		}
	}
	for _, over := range []string{"net.Dial", "Myriad"} {
		b.Logf("%-8s %6.0f pages a second, %.3f CPU seconds per 1,000 pages: %s", over,
			median(turns[over], turn.rate), median(turns[over], turn.cost), shares(turns[over]))
	}
	b.ReportMetric(median(turns["Myriad"], turn.rate)/median(turns["net.Dial"], turn.rate), "Myriad/net.Dial")
	b.ReportMetric(median(turns["Myriad"], turn.cost)/median(turns["net.Dial"], turn.cost), "Myriad/net.Dial-CPU")
}

func (t turn) rate() float64 { return servedPages / t.Took }
func (t turn) cost() float64 { return t.CPU / servedPages * 1000 }

func median(turns []turn, of func(turn) float64) float64 {
	var all []float64
	for _, t := range turns {
		all = append(all, of(t))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// shares names the components, the largest first.
func shares(turns []turn) string {
	total, sum := map[string]float64{}, 0.0
	for _, t := range turns {
		for component, share := range t.Shares {
			total[component] += share
			sum += share
		}
	}
	names := make([]string, 0, len(total))
	for component := range total {
		names = append(names, component)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(total[b], total[a]) })
	for k, component := range names {
		names[k] = fmt.Sprintf("%s %.0f %%", component, 100*total[component]/sum)
	}
	return strings.Join(names, ", ")
}

// serveTree has nginx serve the pages until the benchmark ends, and returns
// where to crawl them from.
func serveTree(b *testing.B) (near *testbed.Namespace) {
	near, err := testbed.NewNamespace()
	require.NoError(b, err)
	b.Cleanup(func() { near.Close() })
	far, err := testbed.NewNamespace()
	require.NoError(b, err)
	b.Cleanup(func() { far.Close() })
	_, err = testbed.Veth(near, far, testbed.VethConfig{
		NearName: "wan0", FarName: "far0", Queues: 2, DisableOffloads: true,
		NearAddr: netip.MustParsePrefix("10.78.0.1/24"), FarAddr: netip.MustParsePrefix("10.78.0.2/24"),
		Sources: []netip.Prefix{netip.MustParsePrefix("10.78.1.0/24")}, Targets: []netip.Prefix{netip.MustParsePrefix("198.19.0.0/16")},
	})
	require.NoError(b, err)
	dir := b.TempDir()
	for p := range servedPages {
		require.NoError(b, os.WriteFile(filepath.Join(dir, strconv.Itoa(p)+".html"), servedPage(p), 0o644))
	}
	http := fmt.Sprintf("log_not_found off; types { text/html html; } server { listen 80 backlog=4096; root %s; }", dir)
	nginx.Serve(b, near, far, dir, http, "198.19.0.1:80")
	return near
}

// servedPage leads to the pages below it, and to one anywhere.
func servedPage(p int) []byte {
	var b bytes.Buffer
	b.WriteString("<!doctype html><meta charset=utf-8><title>served</title>")
	for k := range servedBranches {
		if to := p*servedBranches + 1 + k; to < servedPages {
			fmt.Fprintf(&b, "<p><a href='%s'>below</a>", servedURL(to))
		}
	}
	fmt.Fprintf(&b, "<p><a href='%s'>elsewhere</a>", servedURL(p*7919%servedPages))
	for b.Len() < servedBytes {
		b.WriteString("<p>nothing to be seen here, go on.")
	}
	return b.Bytes()[:servedBytes]
}

// crawlServed is the client: two turns, each printed as a line. Who begins
// changes from round to round.
func crawlServed(round int) error {
	n, err := network.Open(network.Config{Interface: tcpclient.Interface{
		Name: "wan0", Queues: 1, Sources: []netip.Prefix{netip.MustParsePrefix("10.78.1.0/24")},
	}})
	if err != nil {
		return err
	}
	defer n.Close(context.Background())
	ways := []struct {
		over string
		dial fetch.DialFunc
	}{{"net.Dial", new(net.Dialer).DialContext}, {"Myriad", n.Dial}}
	if round%2 == 1 {
		slices.Reverse(ways)
	}
	for _, m := range ways {
		t, err := crawlServedOver(m.over, m.dial)
		if err == nil {
			err = json.NewEncoder(os.Stdout).Encode(t)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.over, err)
		}
	}
	return nil
}

// crawlServedOver crawls with the store and the output in a folder of its own.
func crawlServedOver(over string, dial fetch.DialFunc) (t turn, err error) {
	dir, err := os.MkdirTemp("", "crawl-served")
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(dir)
	store, err := disk.Open(disk.Options{Dir: filepath.Join(dir, "store")})
	if err != nil {
		return t, err
	}
	defer store.Close()
	f, err := frontier.New(store, frontier.Limits{PerAddress: 4})
	if err != nil {
		return t, err
	}
	if _, err := f.Add([]frontier.Link{{URL: servedURL(0)}}); err != nil {
		return t, err
	}
	out, file, err := jsonl.Open(filepath.Join(dir, "out.jsonl"))
	if err != nil {
		return t, err
	}
	defer file.Close()
	c := crawl.New(crawl.Options{
		Frontier: f, Parallel: 128, Lookups: 1, RedirectsMax: 20,
		Fetcher: fetch.New(fetch.Options{Dial: dial, Timeout: time.Minute, UserAgent: "test", BodyBytes: 1 << 20, PerAddress: 4}),
		Write:   func(r *crawl.Record) error { return out.Write(r) },
	})
	var profiled bytes.Buffer
	if err := pprof.StartCPUProfile(&profiled); err != nil {
		return t, err
	}
	start, before := time.Now(), processor()
	err = c.Run(context.Background())
	t = turn{Over: over, Took: time.Since(start).Seconds(), CPU: (processor() - before).Seconds()}
	pprof.StopCPUProfile()
	if err != nil {
		return t, err
	}
	if n := c.Counts(); n.ByStatus[200] != servedPages || n.Pages != servedPages {
		return t, fmt.Errorf("%d pages of %d, failed: %v", n.ByStatus[200], servedPages, n.ByReason)
	}
	if folder := os.Getenv("MYRIAD_CRAWL_PROFILES"); folder != "" {
		if err := os.WriteFile(filepath.Join(folder, over+".pprof"), profiled.Bytes(), 0o644); err != nil {
			return t, err
		}
	}
	t.Shares, err = components(&profiled)
	return t, err
}

// componentOf names the component of functions by how their names begin. A
// sample belongs to the innermost function that is of one.
var componentOf = []struct{ name, functions string }{
	{"Myriad", "myriad/tcpclient. myriad/handshake. myriad/conntable. myriad/linklayer. myriad/iobackend myriad/timers. myriad/sack. myriad/internal/ myriad/examples/internal/network."},
	{"the kernel's TCP", "net.("},
	{"net/http", "net/http net/textproto. bufio."},
	{"links", "golang.org/x/net/html golang.org/x/text myriad/examples/internal/page. myriad/examples/internal/weburl. net/url. mime."},
	{"frontier and store", "github.com/cockroachdb/ myriad/examples/internal/frontier"},
	{"output", "myriad/examples/internal/jsonl. encoding/json."},
	{"fetch and crawl", "myriad/examples/internal/fetch. myriad/examples/internal/crawl. myriad/examples/internal/robots."},
}

// components is the processor time of each component in a profile, in seconds.
func components(profiled *bytes.Buffer) (map[string]float64, error) {
	p, err := profile.Parse(profiled)
	if err != nil {
		return nil, err
	}
	shares := map[string]float64{}
	for _, s := range p.Sample {
		shares[componentOfStack(s)] += float64(s.Value[len(s.Value)-1]) / 1e9
	}
	return shares, nil
}

func componentOfStack(s *profile.Sample) string {
	for _, l := range s.Location {
		for _, line := range l.Line {
			for _, c := range componentOf {
				for part := range strings.FieldsSeq(c.functions) {
					if strings.HasPrefix(line.Function.Name, part) {
						return c.name
					}
				}
			}
		}
	}
	return "Go's runtime"
}
