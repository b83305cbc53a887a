package main

import (
	"fmt"
	"slices"
	"strings"

	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
)

// receivePart shows the runs.
func receivePart(rows []receiveRow) page.Part {
	p := page.Part{
		Name: "receive", Title: "Frames received", Command: "go run ./bench receive",
		Text: "Frames handed to the application from an open-loop generator on the last processor; IRLstack's Table 4 and WireCAP's questions. " +
			"Dropped by device: veth's own ring of 256 frames; ring: our receive ring was full; fill: we had no frame free. " +
			"By rate the frames are of many flows, whose queue the sending device's hash chooses. " +
			"Under imbalance all frames arrive on one queue, and each queue's application takes its capacity by the clock. Raw frames make no connections; the far end is the generator. " + report.Ports + ".",
		Columns: slices.Concat([]string{"", "backend", "pool", "hand over at", "offered/s", "sent/s", "lost", "device", "ring", "fill", "invalid",
			"not ours", "unseen", "by queue: taken, ring, fill", "handed over", "longest burst", "CPU ns each"}, report.AllColumns),
	}
	for i := range rows {
		r := &rows[i]
		p.Rows = append(p.Rows, r.cells())
	}
	p.Charts = receiveCharts(rows)
	return p
}

func (r *receiveRow) cells() []string {
	threshold := "never"
	if r.Threshold > 0 {
		threshold = page.Number(uint64(r.Threshold))
	}
	burst, lost := "", page.Number(r.Sent-min(r.Sent, r.Taken))
	if r.Table == "burst" {
		burst, lost = page.Number(uint64(r.Burst)), "" // longer ones were tried too
	}
	return slices.Concat([]string{
		r.Table, r.Backend, page.Number(uint64(r.Pool)), threshold,
		page.Rate(r.Offered), page.Rate(r.SentPerSecond), lost,
		page.Number(r.DropDevice), page.Number(r.DropRingFull), page.Number(r.DropFillEmpty), page.Number(r.DropInvalid),
		page.Number(r.DropApplication), page.Number(r.Unaccounted), r.byQueue(), page.Number(r.HandedOver), burst,
		page.Rate(1e9 * r.ReceiverSeconds / float64(max(r.Taken, 1))),
	}, r.AllCells(r.Queues))
}

// byQueue is what each queue took and dropped.
func (r *receiveRow) byQueue() string {
	var parts []string
	for k := range r.PerQueue {
		q := &r.PerQueue[k]
		parts = append(parts, fmt.Sprintf("%d: %s, %s, %s", k, page.Number(q.Taken), page.Number(q.DropRingFull), page.Number(q.DropFillEmpty)))
	}
	return strings.Join(parts, "; ")
}

// receiveCharts show what of the offered frames was taken, the bursts, and what
// handing over saves.
func receiveCharts(rows []receiveRow) (charts []page.Chart) {
	rate := page.Chart{Name: "receive-rate", Title: "Frames taken by the application", X: "offered/s", Y: "taken/s"}
	burst := page.Chart{Name: "receive-burst", Title: "Longest burst without loss", X: "backend, frames of a queue", Y: "frames"}
	imbalance := page.Chart{Name: "receive-imbalance", Title: "All frames on one of two queues", X: "backend, pool, hand over at", Y: "share lost, %"}
	index := make(map[string]int)
	for i := range rows {
		r := &rows[i]
		switch r.Table {
		case "rate":
			label := fmt.Sprintf("%s, %d", r.Backend, r.Queues)
			k, ok := index[label]
			if !ok {
				k = len(rate.Lines)
				index[label] = k
				rate.Lines = append(rate.Lines, page.Line{Label: label})
			}
			l := &rate.Lines[k]
			l.X, l.Y = append(l.X, r.Offered), append(l.Y, r.takenPerSecond())
		case "burst":
			burst.Bars = append(burst.Bars, page.Bar{Label: fmt.Sprintf("%s %d", r.Backend, r.Pool), Value: float64(r.Burst)})
		case "imbalance":
			lost := 100 * float64(r.Sent-min(r.Sent, r.Taken)) / float64(max(r.Sent, 1))
			imbalance.Bars = append(imbalance.Bars, page.Bar{Label: fmt.Sprintf("%s %d, %s", r.Backend, r.Pool, r.cells()[3]), Value: lost})
		}
	}
	for _, c := range []page.Chart{rate, burst, imbalance} {
		if len(c.Lines)+len(c.Bars) > 0 {
			charts = append(charts, c)
		}
	}
	return charts
}
