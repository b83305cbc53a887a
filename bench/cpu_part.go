package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
)

func suiteCPU(ctx context.Context, quick bool, emit func(row any) error) (page.Part, error) {
	var args []string
	if quick {
		args = []string{"-duration", "300ms", "-rounds", "1"}
	}
	o, err := parseCPU(args, io.Discard)
	if err != nil {
		return page.Part{}, err
	}
	rows, skipped, err := o.runAll(ctx, func(r *cpuRow) error { return emit(r) })
	return cpuPart(rows, skipped), err
}

// cpuKind is all rounds of a method at a rate.
type cpuKind struct {
	first    *cpuRow
	achieved []float64
	busy     []float64
	rows     []*cpuRow
}

func (k *cpuKind) is(r *cpuRow) bool {
	return k.first.Work == r.Work && k.first.Method == r.Method && k.first.OfferedPerSecond == r.OfferedPerSecond
}

// mean is of something of each round.
func (k *cpuKind) mean(of func(r *cpuRow) float64) (sum float64) {
	for _, r := range k.rows {
		sum += of(r)
	}
	return sum / float64(len(k.rows))
}

// middle is what all rows have of the round in the middle by busy cores, with
// what disturbed any.
func (k *cpuKind) middle() report.Common {
	sorted := slices.SortedFunc(slices.Values(k.rows), func(a, b *cpuRow) int { return cmp.Compare(a.Share, b.Share) })
	middle := sorted[(len(sorted)-1)/2].Common
	middle.Disturbed = nil
	for _, r := range k.rows {
		middle.DisturbIn(r.Round, &r.Common)
	}
	return middle
}

func cpuKinds(rows []cpuRow) (kinds []*cpuKind) {
	for i := range rows {
		r := &rows[i]
		var k *cpuKind
		for _, candidate := range kinds {
			if candidate.is(r) {
				k = candidate
			}
		}
		if k == nil {
			k = &cpuKind{first: r}
			kinds = append(kinds, k)
		}
		k.achieved, k.busy, k.rows = append(k.achieved, r.AchievedPerSecond), append(k.busy, r.Share), append(k.rows, r)
	}
	return kinds
}

// cpuPart shows medians with their range, and the rest as means.
func cpuPart(rows []cpuRow, skipped []string) page.Part {
	p := page.Part{
		Name: "cpu", Title: "Processor time at fixed rates", Command: "go run ./bench cpu",
		Text: "What the machine's processors did while work was offered by the clock: connections are handshake and RST on two queues (epoll: two processes), frames are of 64 bytes, " +
			"all unique, on one queue in batches of 256; a sender sleeps until the next batch is due. Busy is what /proc/stat counts as busy, far end included, of all cores, which everything shares: the median, with the range; " +
			"user is the client's own code, system its system calls, softirq the kernel's side of the wire and the far end. Its program's share is told by the kernel's count of it. " +
			"The columns from connections/s on are those of the round in the middle, with what disturbed any. What is not reached is said of what was. " + report.Ports + ". " +
			"The times for each one are of everything, and of the client's processes, softirqs within their system calls included; the ratio is of the latter, which other programs do not change.",
		Columns: slices.Concat([]string{"", "method", "offered/s", "achieved/s", "busy", "least", "most", "user", "system", "µs each", "client's µs each", "Myriad's is", "failed"}, report.AllColumns),
		Notes:   skipped,
	}
	kinds := cpuKinds(rows)
	charts := make(map[string]*page.Chart)
	var order []string
	for _, k := range kinds {
		r, busy, achieved := k.first, spreadOf(k.busy), spreadOf(k.achieved)
		rate := page.Rate(achieved.median)
		reached := achieved.median >= 0.98*r.OfferedPerSecond
		if !reached {
			rate += " (not reached)"
		}
		failed := uint64(0)
		for _, r := range k.rows {
			failed += r.Failed
		}
		middle := k.middle()
		p.Rows = append(p.Rows, slices.Concat([]string{
			r.Work, r.Method, page.Rate(r.OfferedPerSecond), rate,
			percent(busy.median), percent(busy.min), percent(busy.max),
			percent(k.mean(func(r *cpuRow) float64 { return r.User })), percent(k.mean(func(r *cpuRow) float64 { return r.System })),
			page.Decimal(k.mean(func(r *cpuRow) float64 { return r.BusyMicrosecondsEach })),
			page.Decimal(k.mean(func(r *cpuRow) float64 { return r.MicrosecondsEach })), cpuRatio(kinds, k), page.Number(failed),
		}, middle.AllCells(r.Queues)))
		name := fmt.Sprintf("cpu-%s-%.0f", r.Work, r.OfferedPerSecond)
		if charts[name] == nil {
			charts[name] = &page.Chart{Name: name, Title: fmt.Sprintf("%s %s/s offered", page.Rate(r.OfferedPerSecond), r.Work), X: "method", Y: "cores busy, %"}
			order = append(order, name)
		}
		label := r.Method
		if !reached {
			label += " (" + page.Rate(achieved.median) + "/s)"
		}
		charts[name].Bars = append(charts[name].Bars, page.Bar{Label: label, Value: 100 * busy.median, Min: 100 * busy.min, Max: 100 * busy.max})
	}
	for _, name := range order {
		p.Charts = append(p.Charts, *charts[name])
	}
	return p
}

// cpuRatio is what Myriad takes of what a method takes, for one connection or
// frame each: a method that does not reach the rate does less.
func cpuRatio(kinds []*cpuKind, k *cpuKind) string {
	own := map[string]string{"connections": "myriad", "frames": "afxdp"}[k.first.Work]
	each := func(r *cpuRow) float64 { return r.MicrosecondsEach }
	for _, candidate := range kinds {
		if f := candidate.first; f.Method == own && f.Work == k.first.Work && f.OfferedPerSecond == k.first.OfferedPerSecond && k.mean(each) > 0 {
			return fmt.Sprintf("%.2f ×", candidate.mean(each)/k.mean(each))
		}
	}
	return "not measured"
}
