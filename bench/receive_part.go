package main

import (
	"fmt"

	"myriad/bench/internal/page"
)

// receivePart shows the runs.
func receivePart(rows []receiveRow) page.Part {
	p := page.Part{
		Name: "receive", Title: "Frames received", Command: "go run ./bench receive",
		Text: "Frames handed to the application from an open-loop generator on the last processor; IRLstack's Table 4 and WireCAP's questions. " +
			"Dropped by device: veth's own ring of 256 frames; ring: our receive ring was full; fill: we had no frame free. " +
			"Under imbalance all frames arrive on one queue, and each queue's application takes its capacity by the clock.",
		Columns: []string{"", "backend", "queues", "pool", "hand over at", "offered/s", "sent/s", "taken/s", "lost", "device", "ring", "fill", "invalid",
			"not ours", "unseen", "handed over", "longest burst", "CPU ns each"},
	}
	for i := range rows {
		r := &rows[i]
		p.Rows = append(p.Rows, r.cells())
		if float64(r.SentPerSecond) < 0.95*r.Offered {
			p.Notes = append(p.Notes, fmt.Sprintf("%s, %s, %s/s: the generator reached only %s/s",
				r.Table, r.Backend, page.Rate(r.Offered), page.Rate(r.SentPerSecond)))
		}
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
	return []string{
		r.Table, r.Backend, fmt.Sprint(r.Queues), page.Number(uint64(r.Pool)), threshold,
		page.Rate(r.Offered), page.Rate(r.SentPerSecond), page.Rate(r.FramesPerSecond), lost,
		page.Number(r.DropDevice), page.Number(r.DropRingFull), page.Number(r.DropFillEmpty), page.Number(r.DropInvalid),
		page.Number(r.DropApplication), page.Number(r.Unaccounted), page.Number(r.HandedOver), burst,
		page.Rate(1e9 * r.ReceiverSeconds / float64(max(r.Taken, 1))),
	}
}

// receiveCharts show what of the offered frames was taken, the bursts, and what
// handing over saves.
func receiveCharts(rows []receiveRow) (charts []page.Chart) {
	rate := page.Chart{Name: "receive-rate", Title: "Frames taken by the application", X: "offered/s", Y: "taken/s"}
	burst := page.Chart{Name: "receive-burst", Title: "Longest burst without loss", X: "backend, frames of a queue", Y: "frames"}
	imbalance := page.Chart{Name: "receive-imbalance", Title: "All frames on one of two queues", X: "backend, hand over at", Y: "share lost, %"}
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
			l.X, l.Y = append(l.X, r.Offered), append(l.Y, r.FramesPerSecond)
		case "burst":
			burst.Bars = append(burst.Bars, page.Bar{Label: fmt.Sprintf("%s %d", r.Backend, r.Pool), Value: float64(r.Burst)})
		case "imbalance":
			lost := 100 * float64(r.Sent-min(r.Sent, r.Taken)) / float64(max(r.Sent, 1))
			imbalance.Bars = append(imbalance.Bars, page.Bar{Label: r.Backend + " " + r.cells()[4], Value: lost})
		}
	}
	for _, c := range []page.Chart{rate, burst, imbalance} {
		if len(c.Lines)+len(c.Bars) > 0 {
			charts = append(charts, c)
		}
	}
	return charts
}
