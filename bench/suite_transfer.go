package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
	"myriad/bench/internal/transact"
	"myriad/bench/internal/transfer"
)

func suiteTransfer(ctx context.Context, quick bool, emit func(row any) error) (page.Part, error) {
	var args []string
	if quick {
		args = []string{"-rounds", "1", "-seconds", "0.2", "-loss", "0,1"}
	}
	o, err := parseTransfer(args, io.Discard)
	if err != nil {
		return page.Part{}, err
	}
	rows, err := o.runAll(ctx)
	for k := range rows {
		if err := emit(&rows[k]); err != nil {
			return page.Part{}, err
		}
	}
	return transferPart(rows), err
}

// transferPart shows the runs.
func transferPart(rows []transfer.Result) page.Part {
	p := page.Part{
		Command: "go run ./bench transfer",
		Text: "Throughput of one connection, and of a thousand together, from a kernel server and to it, by Myriad and by the kernel's own client over the same path, " +
			"without a delay, where a round trip is nothing but work, and with one that a relay adds; " +
			"and between two Myriads over a simulated link, in virtual time. " +
			"Clients and servers are in one process, which shares all cores with the paths: ours and calls are of both. The connections stay open. " + report.Ports + ".",
		Columns: slices.Concat([]string{"client", "path", "connections", "direction", "loss %", "sender's control", "Mbit/s", "to kernel", "to its bbr", "of link", "sent again", "timeouts"}, report.AllColumns),
	}
	charts := make(map[string]*page.Chart)
	var order []string
	for k := range rows {
		r := &rows[k]
		p.Rows = append(p.Rows, slices.Concat([]string{
			r.Client, r.Path, page.Number(uint64(r.Connections)), fmt.Sprint(r.Direction), fmt.Sprint(r.LossPercent), r.Congestion,
			page.Decimal(r.MbitPerSecond), ratio(r.RatioToKernel), ratio(r.RatioToBBR), ratio(r.LinkShare), page.Number(r.Retransmitted), page.Number(r.Timeouts),
		}, r.AllCells(r.Queues)))
		if r.LinkShare > 0 { // simulated: another scale
			continue
		}
		name, title := transferChart(r)
		if charts[name] == nil {
			charts[name] = &page.Chart{Name: name, Title: title, X: "client, loss", Y: "Mbit/s"}
			order = append(order, name)
		}
		label := fmt.Sprintf("%s %s %g %%", r.Client, r.Congestion, r.LossPercent)
		charts[name].Bars = append(charts[name].Bars, page.Bar{Label: label, Value: r.MbitPerSecond})
	}
	for _, name := range order {
		p.Charts = append(p.Charts, *charts[name])
	}
	return p
}

// ratio writes one, if there is one.
func ratio(f float64) string {
	if f == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f ×", f)
}

// transferChart names the chart that a run belongs to: what is of one scale.
func transferChart(r *transfer.Result) (name, title string) {
	name = "transfer-" + string(r.Direction)
	title = fmt.Sprintf("%s by %s", r.Direction, plural(r.Connections, "connection"))
	if r.DelayMilliseconds > 0 {
		name += fmt.Sprintf("-delay-%g", r.DelayMilliseconds)
		title += fmt.Sprintf(", %g ms more each way", r.DelayMilliseconds)
	}
	if r.Connections > 1 {
		name += fmt.Sprintf("-%d", r.Connections)
	}
	return name, title
}

func plural(n int, noun string) string {
	if n == 1 {
		return "one " + noun
	}
	return page.Number(uint64(n)) + " " + noun + "s"
}

func suiteTransact(ctx context.Context, quick bool, emit func(row any) error) (page.Part, error) {
	args := []string{"-duration", "600ms"}
	if quick {
		args = []string{"-duration", "200ms", "-connections", "1,100", "-replies", "64,4096"}
	}
	o, err := parseTransact(args, io.Discard)
	if err != nil {
		return page.Part{}, err
	}
	rows, err := o.runAll(ctx, func(r *transact.Result) error { return emit(r) })
	return transactPart(rows), err
}
