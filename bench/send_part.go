package main

import (
	"fmt"
	"slices"

	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
	"myriad/bench/internal/send"
)

// sendPart shows the runs.
func sendPart(rows []sendRow) page.Part {
	p := page.Part{
		Name: "send", Title: "Raw frames sent", Command: "go run ./bench send",
		Text: "Frames per second that arrived at the far end of a veth pair, on the same processors. IRLstack's Tables 1 and 3, and its Figure 2. " +
			"Raw frames make no connections. " + report.Ports + ". " +
			"Connection tracking holds 262,144 pairs of ends by default; further ones are refused or displace others.",
		Columns: slices.Concat([]string{"", "method", "firewall", "batch", "refused", "lost", "of the floor", "CPU ns each"}, report.AllColumns),
	}
	for i := range rows {
		r := &rows[i]
		p.Rows = append(p.Rows, slices.Concat([]string{
			r.Table, r.Method, yesNo(r.Firewall), fmt.Sprint(r.Batch), page.Number(r.Refused), r.lost(), r.floor(),
			page.Rate(r.cpuNanoseconds()),
		}, r.AllCells(r.Queues)))
	}
	if best := stackBest(rows); len(best.Rows) > 0 {
		p.More = append(p.More, best)
	}
	p.Charts = append(sendRateCharts(rows), sendBatchCharts(rows)...)
	return p
}

// floor is what a row is of the bare AF_XDP sender's best.
func (r *sendRow) floor() string {
	if r.ShareOfFloor == nil {
		return ""
	}
	return fmt.Sprintf("%.2f ×", *r.ShareOfFloor)
}

// lost is what did not arrive, where somebody counted.
func (r *sendRow) lost() string {
	if !r.Counted {
		return "not measured"
	}
	return page.Number(r.Lost)
}

// cpuNanoseconds is the process's time for one frame.
func (r *sendRow) cpuNanoseconds() float64 {
	return 1e9 * (r.UserSeconds + r.SystemSeconds) / float64(max(r.Sent, 1))
}

// sendRateCharts show the smallest frames, all unique, by method.
func sendRateCharts(rows []sendRow) (charts []page.Chart) {
	byQueues := make(map[int]int)
	for i := range rows {
		r := &rows[i]
		if r.Table != "rate" || r.Destinations != "unique" || r.size() != send.FrameMin {
			continue
		}
		k, ok := byQueues[r.Queues]
		if !ok {
			k = len(charts)
			byQueues[r.Queues] = k
			charts = append(charts, page.Chart{
				Name:  fmt.Sprintf("send-rate-%d", r.Queues),
				Title: fmt.Sprintf("64-byte frames to unique destinations, queues: %d", r.Queues), X: "method", Y: "frames/s",
			})
		}
		charts[k].Bars = append(charts[k].Bars, page.Bar{Label: r.Method, Value: r.perSecond()})
	}
	return charts
}

// sendBatchCharts show rate and CPU by the frames in one call.
func sendBatchCharts(rows []sendRow) []page.Chart {
	rate := page.Chart{Name: "send-batch-rate", Title: "64-byte frames by batch", X: "frames in one call", Y: "frames/s", LogX: true}
	cpu := page.Chart{Name: "send-batch-cpu", Title: "Processor time by batch", X: "frames in one call", Y: "ns a frame", LogX: true}
	index := make(map[string]int)
	for i := range rows {
		r := &rows[i]
		if r.Table != "batch" {
			continue
		}
		label := fmt.Sprintf("%s, %d", r.Method, r.Queues)
		k, ok := index[label]
		if !ok {
			k = len(rate.Lines)
			index[label] = k
			rate.Lines = append(rate.Lines, page.Line{Label: label})
			cpu.Lines = append(cpu.Lines, page.Line{Label: label})
		}
		add := func(l *page.Line, y float64) { l.X, l.Y = append(l.X, float64(r.Batch)), append(l.Y, y) }
		add(&rate.Lines[k], r.perSecond())
		add(&cpu.Lines[k], r.cpuNanoseconds())
	}
	if len(rate.Lines) == 0 {
		return nil
	}
	return []page.Chart{rate, cpu}
}
