package main

import (
	"strconv"

	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
)

// stretchNames are the keys of holdRow.OpenNanoseconds, in order.
var stretchNames = []string{"50%", "75%", "90%", "95%", "99%", "100%"}

// holdPart shows the runs.
func holdPart(rows []holdRow) page.Part {
	p := page.Part{
		Name: "hold", Title: "Connections held open at once", Command: "go run ./bench hold",
		Text: "Connections open at once, and traffic over random ones of them while all are held. " +
			"hold-unique: to 65,536 addresses; hold-one: to one address and port from 160 addresses; " +
			"hold-fill: to one address and port from one address until Open says ErrFull. " +
			"Bytes each: of the whole process, while all are held; after the exchanges with the records that requests use. " +
			"ns a packet: processor time of a frame while requests and replies go over random ones, and our code's part of it. " +
			"GC: the collector's longest pause (an upper bound) while opening and exchanging, that of runs forced while all are held, and the collector's share of the processor time (goal: below 0.1 %). " +
			"Open, ns: what a call of Open took for one connection while up to that share was open. " +
			"The columns from interfaces on are of the opening. " + report.Ports + ".",
		Columns: []string{"", "connections", "held", "opened in s", "per s", "bytes each", "added each", "after exchanges", "GC pause ms", "forced", "GC % of CPU", "ns a packet", "user", "exchanges/s", "missing", "failed", "ErrFull"},
	}
	for _, s := range stretchNames {
		p.Columns = append(p.Columns, "Open ns to "+s)
	}
	p.Columns = append(p.Columns, report.Columns...)
	for i := range rows {
		r := &rows[i]
		p.Rows = append(p.Rows, r.cells())
	}
	p.Charts = holdCharts(rows)
	return p
}

func (r *holdRow) cells() []string {
	cells := []string{
		r.Method, short(r.Connections), page.Number(r.Held), page.Decimal(r.Seconds), page.Rate(r.ConnectionsPerSecond),
		page.Rate(r.BytesPerConnection), page.Rate(max(r.AddedPerConnection, 0)), page.Rate(r.UsedPerConnection),
		page.Decimal(r.PauseMaxSeconds * 1e3), page.Decimal(r.PauseForcedSeconds * 1e3),
		strconv.FormatFloat(100*r.CollectorShare, 'f', 3, 64), page.Rate(r.PacketNanoseconds), page.Rate(r.PacketUser),
		page.Rate(r.ExchangesPerSecond), page.Number(r.ExchangesMissing), page.Number(r.Failed), yesNo(r.Full),
	}
	for _, s := range stretchNames {
		cells = append(cells, page.Number(uint64(r.OpenNanoseconds[s])))
	}
	return append(cells, r.Cells(r.Queues)...)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func holdCharts(rows []holdRow) (charts []page.Chart) {
	charts = appendBySize(charts, rows, page.Chart{Name: "hold-memory", Title: "Memory of the whole process", Y: "bytes a connection", LogY: true},
		func(r *holdRow) float64 { return r.BytesPerConnection })
	charts = appendBySize(charts, rows, page.Chart{Name: "hold-packet", Title: "Our code's time for a packet, over random connections", Y: "ns"},
		func(r *holdRow) float64 { return r.PacketUser })
	for i := range rows {
		if rows[i].Method != "hold-fill" {
			continue
		}
		c := page.Chart{Name: "hold-open", Title: "One call of Open, by the share of ports taken", X: "up to", Y: "ns"}
		for _, s := range stretchNames {
			if ns, ok := rows[i].OpenNanoseconds[s]; ok {
				c.Bars = append(c.Bars, page.Bar{Label: s, Value: float64(ns)})
			}
		}
		charts = append(charts, c)
	}
	return charts
}

// appendBySize adds a chart of one figure by the connections that were held.
func appendBySize(charts []page.Chart, rows []holdRow, c page.Chart, figure func(r *holdRow) float64) []page.Chart {
	c.X, c.LogX = "connections held", true
	for _, method := range []string{"hold-unique", "hold-one"} {
		line := page.Line{Label: method}
		for i := range rows {
			if r := &rows[i]; r.Method == method && r.Held > 0 && figure(r) > 0 {
				line.X, line.Y = append(line.X, float64(r.Held)), append(line.Y, figure(r))
			}
		}
		if len(line.X) > 0 {
			c.Lines = append(c.Lines, line)
		}
	}
	if len(c.Lines) == 0 {
		return charts
	}
	return append(charts, c)
}
