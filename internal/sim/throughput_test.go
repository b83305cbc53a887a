package sim

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/wrap"
)

var updateFlag = flag.Bool("update", false, "write testdata/throughput.txt anew")

const (
	throughputFile = "testdata/throughput.txt"
	throughputHead = `Throughput in Mbit/s, by loss and round trip, in virtual time: what arrived in
order within 10 s of the handshake, between two of our clients, over 50 Mbit/s
each way with a queue of 250 frames and loss in both directions; the more loss,
the more seeds of which it is the mean (1 to 16). Both ways at once: the two
added. After a change that is meant:

	go test ./internal/sim -run TestThroughput -update
`
	throughputSpan = 10 * time.Second
	throughputRate = 50_000_000
)

var (
	throughputLoss = []struct {
		probability float64
		seeds       uint64 // the fewer frames there are, the more chance has a say
	}{{0, 1}, {0.001, 2}, {0.01, 2}, {0.05, 4}, {0.2, 16}}
	throughputRTT = []time.Duration{time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond}
)

// The snapshot makes a change of behaviour show in a diff.
func TestThroughput(t *testing.T) {
	if testing.Short() {
		t.Skip("the whole table takes its time; without -short it is compared")
	}
	if wrap.Forced {
		t.Skip("other numbers, other segments: the figures are those of an ordinary clock")
	}
	got := throughputTable(t)
	if *updateFlag {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(throughputFile, []byte(got), 0o644))
	}
	want, err := os.ReadFile(throughputFile)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "a change that is meant is written with -update")
}

func throughputTable(t *testing.T) string {
	var cells []*throughputCell
	for _, duplex := range []bool{false, true} {
		for _, control := range []string{"cubic", "newreno"} {
			for _, loss := range throughputLoss {
				for _, rtt := range throughputRTT {
					cells = append(cells, &throughputCell{seeds: loss.seeds, path: Path{
						Loss: loss.probability, RTT: rtt, RateBPS: throughputRate, Queue: 250, Control: control, Duplex: duplex,
					}})
				}
			}
		}
	}
	measureAll(t, cells)
	var b strings.Builder
	b.WriteString(throughputHead)
	for k, c := range cells {
		perTable, perRow := len(throughputLoss)*len(throughputRTT), len(throughputRTT)
		if k%perTable == 0 {
			b.WriteString(c.heading())
		}
		if k%perRow == 0 {
			fmt.Fprintf(&b, "%5.3g %%", c.path.Loss*100)
		}
		fmt.Fprintf(&b, " %9.3f", c.mbits)
		if k%perRow == perRow-1 {
			b.WriteString("\n")
		}
	}
	return b.String()
}

// throughputCell is one figure of the table.
type throughputCell struct {
	path  Path
	seeds uint64
	mbits float64
}

func (c *throughputCell) heading() string {
	ways := "one way"
	if c.path.Duplex {
		ways = "both ways at once"
	}
	head := fmt.Sprintf("\n%s, %s\n   loss", c.path.Control, ways)
	for _, rtt := range throughputRTT {
		head += fmt.Sprintf(" %9v", rtt)
	}
	return head + "\n"
}

func (c *throughputCell) measure() error {
	total := 0
	for seed := range c.seeds {
		p := c.path
		p.Seed = 1 + seed*10
		n, err := Bulk(p, throughputSpan)
		if err != nil {
			return fmt.Errorf("%+v: %w", p, err)
		}
		total += n
	}
	c.mbits = float64(total) * 8 / 1e6 / throughputSpan.Seconds() / float64(c.seeds)
	return nil
}

func measureAll(t *testing.T, cells []*throughputCell) {
	errs := make([]error, len(cells))
	var group sync.WaitGroup
	parts := runtime.GOMAXPROCS(0)
	for part := range parts {
		group.Go(func() {
			for k := part; k < len(cells); k += parts {
				errs[k] = cells[k].measure()
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}
