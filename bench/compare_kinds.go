package main

import (
	"fmt"
	"slices"
	"strings"

	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
)

// cell is what the methods are compared at.
type cell struct {
	queues       int
	destinations string
	job          string
}

func cellOf(r *report.Row) cell { return cell{r.Queues, r.Destinations, jobOf(r.Method)} }

// kind is all rounds of one method in one cell.
type kind struct {
	cell
	method            string
	rates             []float64
	completed, failed uint64
	cpu               float64       // seconds
	middle            report.Common // of the round in the middle, with what disturbed any
}

type kinds []*kind

// kindsOf groups the rows, cells and methods in the order in which they began.
func kindsOf(rows []report.Row) (all kinds) {
	rounds := make(map[*kind][]*report.Row)
	for i := range rows {
		r := &rows[i]
		k := all.find(cellOf(r), r.Method)
		if k == nil {
			k = &kind{cell: cellOf(r), method: r.Method}
			all = append(all, k)
		}
		rounds[k] = append(rounds[k], r)
		k.rates = append(k.rates, r.ConnectionsPerSecond)
		k.completed += r.Completed
		k.failed += r.Failed
		k.cpu += r.UserSeconds + r.SystemSeconds
	}
	for k, of := range rounds {
		slices.SortFunc(of, func(a, b *report.Row) int {
			return int(a.ConnectionsPerSecond - b.ConnectionsPerSecond)
		})
		k.middle = of[(len(of)-1)/2].Common
		k.middle.Disturbed = nil
		slices.SortFunc(of, func(a, b *report.Row) int { return a.Round - b.Round })
		for _, r := range of {
			k.middle.DisturbIn(r.Round, &r.Common)
		}
	}
	return all
}

// cells are the cells, in their order.
func (all kinds) cells() (cells []cell) {
	for _, k := range all {
		if !slices.Contains(cells, k.cell) {
			cells = append(cells, k.cell)
		}
	}
	return cells
}

// jobOf is a row's method without the client's name; Myriad's has none.
func jobOf(method string) (job string) {
	for _, kind := range connectKinds {
		if (method == kind || strings.HasSuffix(method, "-"+kind)) && len(kind) > len(job) {
			job = kind
		}
	}
	return job
}

// find returns a method's rounds in a cell; nil when there are none.
func (all kinds) find(at cell, method string) *kind {
	for _, k := range all {
		if k.cell == at && k.method == method {
			return k
		}
	}
	return nil
}

// median is the middle one of a kind's rates; 0 for none.
func (k *kind) median() float64 {
	if k == nil {
		return 0
	}
	return spreadOf(slices.Clone(k.rates)).median
}

// times writes how many times b a is.
func times(a, b float64) string {
	if a <= 0 || b <= 0 {
		return report.NotMeasured
	}
	return fmt.Sprintf("%.2f ×", a/b)
}

// framesOfGigabit is how many of the shortest frames 1 GbE carries in a second.
const framesOfGigabit = 1e9 / 8 / 84

// bound is how many connections a second 1 GbE carries as the paper counts: all
// frames of a connection, in either direction, as of the shortest.
func bound(frames *float64) string {
	if frames == nil {
		return report.NotMeasured
	}
	return page.Rate(framesOfGigabit / *frames)
}
