// Package summary words what a program tells people at its end: a headline,
// and a table of what there is to be said.
package summary

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"myriad/tcpclient"
)

// Table is written line by line.
type Table struct{ w *tabwriter.Writer }

// New makes a table.
func New(out io.Writer) *Table { return &Table{tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)} }

// Line adds a line.
func (t *Table) Line(name, format string, args ...any) {
	fmt.Fprintf(t.w, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
}

// CPU adds processor time.
func (t *Table) CPU(name string, user, system time.Duration) {
	t.Line(name, "%.2f user, %.2f system CPU seconds", user.Seconds(), system.Seconds())
}

// Frames adds what went over the wire.
func (t *Table) Frames(s *tcpclient.Stats) {
	t.Line("frames", "%d sent, %d received; %d segments sent again; dropped %d%s", s.FramesSent, s.FramesReceived,
		s.Retransmitted, Sum(s.Drops), List(s.Drops))
}

// Flush writes the table.
func (t *Table) Flush() { _ = t.w.Flush() }

// List words counts in brackets, the largest first; zeros are left out, and
// nothing is said of nothing.
func List[K cmp.Ordered, V int | int64 | uint64](counts map[K]V) string {
	text := Words(counts)
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// Words is List without brackets.
func Words[K cmp.Ordered, V int | int64 | uint64](counts map[K]V) string {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b K) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, k := range keys {
		if counts[k] > 0 {
			parts = append(parts, fmt.Sprintf("%v: %d", k, counts[k]))
		}
	}
	return strings.Join(parts, ", ")
}

// Sum adds counts up.
func Sum[K comparable, V int | int64 | uint64](counts map[K]V) (total V) {
	for _, n := range counts {
		total += n
	}
	return total
}
