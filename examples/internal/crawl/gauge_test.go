package crawl_test

import (
	"fmt"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/network"
)

// parts is into how many parts of equal length a gauge divides a crawl.
const parts = 10

// gauge tells how fast a crawl is, part by part, and how much memory it has.
type gauge struct {
	part    int // pages
	written atomic.Int64
	mu      sync.Mutex
	at      [parts + 1]reading
	most    float64 // MB resident, of the readings
	ended   chan struct{}
	ticking sync.WaitGroup
}

// reading is what a gauge reads at a moment.
type reading struct {
	time     time.Time
	cpu      time.Duration
	pages    int
	resident float64 // MB
}

// newGauge starts a gauge for a crawl of so many pages, which says how far it
// is every now and then.
func newGauge(b *testing.B, pages int) *gauge {
	every := time.Minute
	if text := os.Getenv("MYRIAD_CRAWL_EVERY"); text != "" {
		var err error
		every, err = time.ParseDuration(text)
		require.NoError(b, err)
	}
	g := &gauge{part: max(pages/parts, 1), ended: make(chan struct{})}
	g.at[0] = g.read()
	g.ticking.Go(func() { g.tick(every) })
	return g
}

func (g *gauge) read() reading {
	return reading{time.Now(), processor(), int(g.written.Load()), resident()}
}

// count counts a page.
func (g *gauge) count() {
	n := int(g.written.Add(1))
	if k := n / g.part; n%g.part == 0 && k <= parts {
		r := g.read()
		r.pages = n
		g.mu.Lock()
		g.at[k], g.most = r, max(g.most, r.resident)
		g.mu.Unlock()
	}
}

// tick prints a line at a time: a benchmark's log is buffered to its end.
func (g *gauge) tick(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for before := g.at[0]; ; {
		select {
		case <-ticker.C:
		case <-g.ended:
			return
		}
		now := g.read()
		g.mu.Lock()
		g.most = max(g.most, now.resident)
		g.mu.Unlock()
		fmt.Printf("%s: %d pages; %s; %.0f MB resident, %.0f MB of them the heap's\n",
			now.time.Sub(g.at[0].time).Round(time.Second), now.pages, now.since(before), now.resident, heap())
		before = now
	}
}

func (g *gauge) stop() {
	close(g.ended)
	g.ticking.Wait()
}

func (r reading) rate(before reading) float64 {
	return float64(r.pages-before.pages) / r.time.Sub(before.time).Seconds()
}

// cost is processor seconds for a thousand pages.
func (r reading) cost(before reading) float64 {
	return (r.cpu - before.cpu).Seconds() / float64(r.pages-before.pages) * 1000
}

func (r reading) since(before reading) string {
	return fmt.Sprintf("%.0f pages/s, %.3f CPU-s per 1,000 pages", r.rate(before), r.cost(before))
}

// report tells each part, and the last in ratio to the second: in the first
// there is not always enough to do. What ratio the processor's time has counts
// where others use the machine.
func (g *gauge) report(b *testing.B) {
	for k := 1; k <= parts; k++ {
		b.Logf("part %2d of %d: %s, %.0f MB resident", k, parts, g.at[k].since(g.at[k-1]), g.at[k].resident)
	}
	start, end := g.at[1], g.at[parts-1]
	b.ReportMetric(g.at[parts].rate(g.at[0]), "pages/s")
	b.ReportMetric(g.at[parts].cost(g.at[0]), "CPU-s/1000-pages")
	b.ReportMetric(g.at[parts].rate(end)/g.at[2].rate(start), "end/start-by-clock")
	b.ReportMetric(g.at[2].cost(start)/g.at[parts].cost(end), "end/start-by-CPU")
	b.ReportMetric(g.most, "MB-resident-most")
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

// heap is the memory that Go's heap has of the system, in MB.
func heap() float64 {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(samples)
	return float64(samples[0].Value.Uint64()+samples[1].Value.Uint64()) / 1e6
}

// processor is the processor time of the process, which tells more than the
// clock where others use the machine.
func processor() time.Duration {
	u := network.Process()
	return u.User + u.System
}
