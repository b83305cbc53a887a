package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"myriad/bench/internal/page"
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
			"all unique, on one queue in batches of 256; a sender sleeps until the next batch is due. Busy is all but idle, far end included, of all cores, which everything shares: the median, with the range; " +
			"user is the client's own code, system its system calls, softirq the kernel's side of the wire and the far end. Its program's share is told by the kernel's count of it. " +
			"The times for each one are of everything, and of the client's processes, softirqs within their system calls included; the ratio is of the latter, which other programs do not change.",
		Columns: []string{"", "method", "queues", "cores", "offered/s", "achieved/s", "busy", "least", "most", "user", "system", "softirq", "far end's program", "µs each", "client's µs each", "Myriad's is", "failed"},
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
			p.Notes = append(p.Notes, fmt.Sprintf("%s by %s: %s/s of %s/s reached: what is said of the processors is of that", r.Work, r.Method, page.Rate(achieved.median), page.Rate(r.OfferedPerSecond)))
		}
		failed := uint64(0)
		for _, r := range k.rows {
			failed += r.Failed
			p.Notes = append(p.Notes, r.disturbed()...)
		}
		p.Rows = append(p.Rows, []string{
			r.Work, r.Method, fmt.Sprint(r.Queues), fmt.Sprint(r.Cores), page.Rate(r.OfferedPerSecond), rate,
			percent(busy.median), percent(busy.min), percent(busy.max),
			percent(k.mean(func(r *cpuRow) float64 { return r.User })), percent(k.mean(func(r *cpuRow) float64 { return r.System })),
			percent(k.mean(func(r *cpuRow) float64 { return r.SoftIRQ })), percent(k.mean((*cpuRow).farEndShare)),
			page.Decimal(k.mean(func(r *cpuRow) float64 { return r.BusyMicrosecondsEach })),
			page.Decimal(k.mean(func(r *cpuRow) float64 { return r.MicrosecondsEach })), cpuRatio(kinds, k), page.Number(failed),
		})
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

// farEndShare is the far end's program's share of the processors.
func (r *cpuRow) farEndShare() float64 {
	if r.Cores == 0 || r.Seconds == 0 {
		return 0
	}
	return r.FarEndSeconds / (float64(r.Cores) * r.Seconds)
}

// disturbed says what else took the processors.
func (r *cpuRow) disturbed() (notes []string) {
	var why []string
	ours := r.UserSeconds + r.SystemSeconds
	if others := r.User + r.System - ours/(float64(max(r.Cores, 1))*max(r.Elapsed.Seconds(), 1e-9)); r.Elapsed > 0 && others > 0.1 {
		why = append(why, fmt.Sprintf("other programs had %s of the processors", percent(others)))
	}
	if r.Steal > 0.02 {
		why = append(why, fmt.Sprintf("%s of them was stolen", percent(r.Steal)))
	}
	if len(why) > 0 {
		notes = append(notes, fmt.Sprintf("disturbed: %s by %s at %s/s, round %d: %s", r.Work, r.Method, page.Rate(r.OfferedPerSecond), r.Round, strings.Join(why, ", ")))
	}
	return notes
}
