package main

import (
	"fmt"
	"slices"
	"strings"

	"myriad/bench/internal/page"
)

// stackBests are what a method of the table stack reached at its best batch, round
// by round.
type stackBests struct {
	queues               int
	destinations, method string

	batches         []string
	rates           []float64
	ofFloor, unique []float64 // ratios: to the bare AF_XDP sender; of unique destinations to one
}

// add takes over a round's best row.
func (b *stackBests) add(rows []sendRow, best *sendRow) {
	b.batches = append(b.batches, fmt.Sprint(best.Batch))
	b.rates = append(b.rates, best.perSecond())
	if best.ShareOfFloor != nil {
		b.ofFloor = append(b.ofFloor, *best.ShareOfFloor)
	}
	like := *best
	like.Destinations = "one"
	if one := bestLike(rows, &like, best.Method); best.Destinations != "one" && one != nil && one.perSecond() > 0 {
		b.unique = append(b.unique, best.perSecond()/one.perSecond())
	}
}

// cells are the method's line.
func (b *stackBests) cells() []string {
	s := spreadOf(b.rates)
	return []string{
		fmt.Sprint(b.queues), b.destinations, b.method, strings.Join(b.batches, ", "),
		page.Rate(s.median), page.Rate(s.min), page.Rate(s.max), ratios(b.ofFloor), ratios(b.unique),
	}
}

// ratios are some rounds' in a cell: the median, and the range of several.
func ratios(of []float64) string {
	switch s := spreadOf(of); len(of) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%.2f ×", s.median)
	default:
		return fmt.Sprintf("%.2f × (%.2f to %.2f)", s.median, s.min, s.max)
	}
}

// stackBest is the table of the methods of stack, each at its best batch.
func stackBest(rows []sendRow) page.Table {
	var all []*stackBests
	for k := range rows {
		r := &rows[k]
		if r.Table != "stack" || bestLike(rows, r, r.Method) != r {
			continue
		}
		at := slices.IndexFunc(all, func(b *stackBests) bool {
			return b.queues == r.Queues && b.destinations == r.Destinations && b.method == r.Method
		})
		if at < 0 {
			at = len(all)
			all = append(all, &stackBests{queues: r.Queues, destinations: r.Destinations, method: r.Method})
		}
		all[at].add(rows, r)
	}
	t := page.Table{
		Title: "SYNs a second of the whole stack, and bare frames of their length, each at its best batch, round by round: " +
			"median and range, beside the bare AF_XDP sender at its own, and unique destinations beside one.",
		Columns: []string{"queues", "destinations", "method", "best batches", "frames/s", "least", "most", "of the bare AF_XDP sender", "unique to one"},
	}
	for _, b := range all {
		t.Rows = append(t.Rows, b.cells())
	}
	return t
}
