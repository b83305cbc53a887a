package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"myriad/bench/internal/latency"
	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
)

func suiteLatency(ctx context.Context, quick bool, emit func(row any) error) (page.Part, error) {
	args := []string{"-batches", "1,16,64,256,4096"}
	if quick {
		args = []string{"-duration", "150ms", "-batches", "1,256,4096", "-loads", "idle,50"}
	}
	o, err := parseLatency(args, io.Discard)
	if err != nil {
		return page.Part{}, err
	}
	rows, skipped, err := o.runAll(ctx, func(r *latency.Result) error { return emit(r) })
	return latencyPart(rows, skipped), err
}

// loadName is a load for people.
func loadName(load float64) string {
	if load == 0 {
		return "idle"
	}
	return fmt.Sprintf("%g %%", 100*load)
}

// latencyPart shows the runs.
func latencyPart(rows []latency.Result, skipped []string) page.Part {
	p := page.Part{
		Name: "latency", Title: "Frame in to frame out", Command: "go run ./bench latency",
		Text: "From the instant at which a request of one 64-byte frame leaves the far device until the frame that answers it is back there; IRLstack's §4.4. " +
			"Requests leave by the clock, whatever becomes of the replies; loads are parts of what the worker and the far end reached together, a window under way. " +
			"In parentheses the same from when the request was due. Own: the worker's turn, from taking the frame to passing the answer to the device. " +
			"One queue, one core for the client, one for the far end; busy is what /proc/stat says of them. " +
			"live: batches of 16 and more leave by live frames. Its connections stay open. " + report.Ports + ".",
		Columns: slices.Concat([]string{"backend", "batch", "polls", "load", "offered/s", "sent/s", "p50 µs", "p99 µs", "p99.9 µs", "max µs", "(due p99)", "(due p99.9)",
			"own p50", "own p99", "own p99.9", "frames a turn", "coalescing"}, report.AllColumns),
	}
	for _, s := range skipped {
		p.Notes = append(p.Notes, "skipped: "+s)
	}
	for k := range rows {
		r := &rows[k]
		coalescing := r.Coalescing
		if reason, ok := strings.CutPrefix(coalescing, "not measured: "); ok {
			coalescing = "not measured"
			if k == 0 {
				p.Notes = append(p.Notes, "coalescing of interrupts: not measured: "+reason)
			}
		}
		t := &r.FrameToFrame
		p.Rows = append(p.Rows, slices.Concat([]string{
			r.Backend, page.Number(uint64(r.Batch)), yesNo(r.BusyPoll), loadName(r.Load), page.Rate(r.OfferedPerSecond), page.Rate(r.SentPerSecond),
			micros(t.P50), micros(t.P99), micros(t.P999), micros(t.Max), micros(r.FromDue.P99), micros(r.FromDue.P999),
			micros(r.Own.P50), micros(r.Own.P99), micros(r.Own.P999), fmt.Sprintf("%.1f", r.FramesPerTurn),
			coalescing,
		}, r.AllCells(r.Queues)))
	}
	p.Charts = latencyCharts(rows)
	return p
}

func micros(f float64) string { return fmt.Sprintf("%.1f", f) }

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

// latencyCharts show what batching adds, a chart for workers that sleep and one
// for those that poll.
func latencyCharts(rows []latency.Result) (charts []page.Chart) {
	index := make(map[string]*page.Line)
	for _, poll := range []bool{false, true} {
		for _, c := range []struct {
			name, title string
			of          func(*latency.Result) float64
		}{
			{"p50", "median", func(r *latency.Result) float64 { return r.FrameToFrame.P50 }},
			{"p99", "99th percentile", func(r *latency.Result) float64 { return r.FrameToFrame.P99 }},
		} {
			name, title := "latency-sleeps-"+c.name, "Frame in to frame out, worker sleeps: "+c.title
			if poll {
				name, title = "latency-polls-"+c.name, "Frame in to frame out, worker polls: "+c.title
			}
			chart := page.Chart{Name: name, Title: title, X: "batch, frames", Y: "µs", LogX: true, LogY: true}
			clear(index)
			var order []string
			for k := range rows {
				r := &rows[k]
				if r.BusyPoll != poll {
					continue
				}
				label := loadName(r.Load)
				if r.Backend == "live" {
					label += ", live"
				}
				if index[label] == nil {
					index[label] = &page.Line{Label: label}
					order = append(order, label)
				}
				l := index[label]
				l.X, l.Y = append(l.X, float64(r.Batch)), append(l.Y, max(c.of(r), 0.1))
			}
			for _, label := range order {
				chart.Lines = append(chart.Lines, *index[label])
			}
			if len(chart.Lines) > 0 {
				charts = append(charts, chart)
			}
		}
	}
	return charts
}
