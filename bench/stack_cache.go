package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"

	"myriad/bench/internal/cachegrind"
	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
	"myriad/bench/internal/stack"
)

// cacheRow is one component, in simulated caches.
type cacheRow struct {
	Table     string  `json:"table"` // cache
	Simulated bool    `json:"simulated"`
	InFlight  int     `json:"in_flight"`
	Component string  `json:"component"`
	Lives     int     `json:"lives"`
	PerLife   perLife `json:"per_connection"`
	Queues    int     `json:"queues"`
	// Those of all rows: none can be measured in a simulation.
	report.Common
}

// perLife are counts for one connection.
type perLife struct {
	Instructions float64 `json:"instructions"`
	CodeMisses   float64 `json:"l1_code_misses"`
	DataMisses   float64 `json:"l1_data_misses"`
	LastMisses   float64 `json:"last_level_misses"`
}

// cacheLives are the connections of the shorter of the two runs; the longer one
// has so many more again. Only their difference counts, so that neither the
// start nor the filling is in it.
const cacheLives = 50_000

// runCache measures this program, which runs itself under cachegrind.
func (o *stackOptions) runCache(ctx context.Context) (rows []cacheRow, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for _, inFlight := range o.cacheInFlight {
		var counts [2]map[string]cachegrind.Counts
		var errs [2]error
		var done sync.WaitGroup
		for k := range counts { // together: what is counted does not hang on who else runs
			done.Go(func() {
				counts[k], errs[k] = cachegrind.Run(ctx, self, "stack", "-tables", "memory", "-rounds", "1", "-batch", strconv.Itoa(o.batch),
					"-in-flight", strconv.Itoa(inFlight), "-lives", strconv.Itoa((k+1)*cacheLives), "-json")
			})
		}
		done.Wait()
		if ctx.Err() != nil {
			return rows, nil
		}
		if err := errors.Join(errs[:]...); err != nil {
			return rows, err
		}
		rows = append(rows, cacheRows(inFlight, counts[0], counts[1])...)
	}
	return rows, nil
}

// cacheRows are the differences, by component, the heaviest first.
func cacheRows(inFlight int, short, long map[string]cachegrind.Counts) (rows []cacheRow) {
	sums := make(map[string]*cachegrind.Counts)
	for _, run := range []struct {
		functions map[string]cachegrind.Counts
		factor    int64
	}{{long, 1}, {short, -1}} {
		for name, c := range run.functions {
			part := stack.FunctionPart(name)
			if sums[part] == nil {
				sums[part] = new(cachegrind.Counts)
			}
			sums[part].Add(c, run.factor)
		}
	}
	var all cachegrind.Counts
	for _, part := range slices.Sorted(maps.Keys(sums)) {
		if part == stack.Device || part == stack.Runtime {
			continue
		}
		all.Add(*sums[part], 1)
		rows = append(rows, newCacheRow(inFlight, part, sums[part]))
	}
	slices.SortStableFunc(rows, func(a, b cacheRow) int { return int(b.PerLife.Instructions - a.PerLife.Instructions) })
	return append(rows, newCacheRow(inFlight, "all", &all))
}

func newCacheRow(inFlight int, part string, c *cachegrind.Counts) cacheRow {
	each := func(n int64) float64 { return float64(n) / cacheLives }
	return cacheRow{
		Table: "cache", Simulated: true, InFlight: inFlight, Component: part, Lives: cacheLives,
		Queues: 1, PerLife: perLife{each(c.Instructions), each(c.CodeMisses), each(c.DataMisses), each(c.LastMisses)},
	}
}

// cachePart shows the rows below the stack's own.
func cachePart(rows []cacheRow, p *page.Part) {
	if len(rows) == 0 {
		return
	}
	t := page.Table{
		Title:   "Cache behaviour of our code, SIMULATED by cachegrind (" + cachegrind.Caches + "; without prefetching), for one connection. A simulation takes no time: rates and CPU, " + report.NotMeasured + ".",
		Columns: []string{"component", "in flight", "instructions", "L1 code misses", "L1 data misses", "last-level misses"},
	}
	chart := page.Chart{Name: "stack-cache", Title: "Cache misses of our code (simulated)", X: "in flight, level", Y: "misses a connection"}
	for k := range rows {
		r := &rows[k]
		t.Rows = append(t.Rows, []string{
			r.Component, short(r.InFlight), page.Decimal(r.PerLife.Instructions), page.Decimal(r.PerLife.CodeMisses),
			page.Decimal(r.PerLife.DataMisses), page.Decimal(r.PerLife.LastMisses),
		})
		if r.Component == "all" {
			chart.Bars = append(chart.Bars,
				page.Bar{Label: fmt.Sprintf("%s, L1 data", short(r.InFlight)), Value: max(r.PerLife.DataMisses, 0)},
				page.Bar{Label: fmt.Sprintf("%s, last level", short(r.InFlight)), Value: max(r.PerLife.LastMisses, 0)})
		}
	}
	p.More, p.Charts = append(p.More, t), append(p.Charts, chart)
}
