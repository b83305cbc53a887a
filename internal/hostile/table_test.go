package hostile

import (
	"flag"
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write HOSTILE.md")

const tableFile = "HOSTILE.md"

// TestWorkAndTable: at four times the attack at most 4.4 times the work; no
// packet costs more than a few of honest data; and HOSTILE.md says so. Figures
// there may be a quarter off, so that not every change of the code needs a new
// table.
func TestWorkAndTable(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the library once more; the long run does")
	}
	table := table(t, work(t, small, 4*small))
	if *update {
		require.NoError(t, os.WriteFile(tableFile, []byte(table), 0o644))
	}
	have, err := os.ReadFile(tableFile)
	require.NoError(t, err)
	if !similar(string(have), table) {
		t.Fatalf("internal/hostile/HOSTILE.md is out of date; run: go test ./internal/hostile -run Table -update\n%s", table)
	}
}

// honest is the attack that is none, for comparison, and costMost how much more
// than one of its packets one of an attack may cost.
const (
	honest   = "honest data"
	costMost = 4
)

func table(t *testing.T, work [][]float64) string {
	attacks := Attacks()
	reference := 0.0
	for k, a := range attacks {
		if a.Name == honest {
			reference = work[k][0] / small
		}
	}
	var b strings.Builder
	b.WriteString("# Hostile peers\n\nMade by `go test ./internal/hostile -run Table -update`, and kept true by the same test (figures to a quarter); do not edit. Each attack is played against the real client over a link in memory, at 1,000 and at 4,000 packets; other tests of the package have the connection go on afterwards.\n\nWork is counted in statements of the library that are executed, by a build with coverage counters, so it is the same on every machine. Replies are the frames that leave beyond those of a quiet world, less the application's new data. Held is the memory of connections at the end: buffers, ranges, side records, entries. Nothing may take more than 4.4 times the work or memory for four times the packets, nor be answered with more than one frame a packet, at no time (but for what is sent again at once that a timer would have: a SYN, a flight whose path has become narrower), nor cost more than four times an honest segment's work.\n\n")
	b.WriteString("| attack | what is sent | bound | where | statements a packet | work at 4 × | replies a 1,000 packets | held, KiB: 1,000, 4,000 |\n|---|---|---|---|---|---|---|---|\n")
	for k, a := range attacks {
		one, four := measure(t, &a, small), measure(t, &a, 4*small)
		ratio, each := work[k][1]/work[k][0], work[k][0]/small
		require.LessOrEqual(t, ratio, slack, "%s: the work of %d packets is %.0f, of %d %.0f", a.Name, small, work[k][0], 4*small, work[k][1])
		require.LessOrEqual(t, each, costMost*reference, "%s: statements a packet", a.Name)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.0f | %.1f | %d | %d, %d |\n", a.Name, a.What, a.Bound, a.Where,
			each, ratio, max(four.Sent, 0)/4, (one.Held+1023)>>10, (four.Held+1023)>>10)
	}
	b.WriteString(otherwise)
	return b.String()
}

// otherwise ends the table: bounds that stacks are asked for and that are wider
// here, or the application's to set.
const otherwise = `
## Bounds that are wider here

| asked for | here | why |
|---|---|---|
| three SYNs a target | four: Config.SYNRetries is 3; 2 makes three | only the application names targets, so that nobody else can have us send a SYN, and no answer adds one (wrong answers to a SYN) |
| an end after 120 s without progress | none while the application keeps the connection, if the peer answers; 60 s once it has closed it, and Config.DataRetries if nobody answers | a peer that answers the probes of its closed window must not be given up by TCP itself (RFC 9293 §3.8.6.1), but may be by the application (RFC 6429): Open.Timeout. Open.Idle does not help here, any segment of the peer's counts for it. Both are off by default: how long a quiet connection is worth keeping differs with what it is for |
| a minimum rate | none; Open.Timeout bounds the whole | what is too slow only the application knows |
| 16 ranges beyond a hole | Config.HolesMax, 512 | a long flight that loses every tenth segment has more than 16 holes, and what is not kept must be sent again. A range takes 16 bytes beside its data, is found in O(log n) steps, and no connection gets more than is left to others (single bytes beyond a hole, many greedy peers) |
`

var number = regexp.MustCompile(`\d+(\.\d+)?`)

// similar compares two tables: everything but figures must be the same, and
// figures not more than a quarter apart.
func similar(a, b string) bool {
	if number.ReplaceAllString(a, "#") != number.ReplaceAllString(b, "#") {
		return false
	}
	x, y := number.FindAllString(a, -1), number.FindAllString(b, -1)
	for k := range x {
		p, _ := strconv.ParseFloat(x[k], 64)
		q, _ := strconv.ParseFloat(y[k], 64)
		if math.Abs(p-q) > max(2, 0.25*max(p, q)) {
			return false
		}
	}
	return true
}
