package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
)

func suiteScan(ctx context.Context, quick bool, emit func(row any) error) (page.Part, error) {
	var args []string
	if quick {
		args = []string{"-rounds", "1", "-duration", "300ms"}
	}
	o, err := parseScan(args, io.Discard)
	if err != nil {
		return page.Part{}, err
	}
	rows, err := o.runAll(ctx, func(r *scanRow) error { return emit(r) })
	return scanPart(rows), err
}

// scanPart shows the rounds.
func scanPart(rows []scanRow) page.Part {
	p := page.Part{
		Command: "go run ./bench scan",
		Text: "SYNs a second of examples/scan, as a user starts it, in turn with bare sending over AF_XDP on the same wire: " +
			"to a far end that answers none, and to one that answers each (the RST for each leaves, too). The columns from connections on are of the scan that nobody answers, whose SYNs make none. " + report.Ports + ".",
		Columns: slices.Concat([]string{"round", "send, frames/s", "scan, SYN/s", "of send's", "all answered, SYN/s", "send, CPU ns", "scan, CPU ns"}, report.AllColumns),
	}
	c := page.Chart{Name: "scan", Title: "The scanner beside bare sending", X: "round", Y: "frames/s"}
	for k := range rows {
		r := &rows[k]
		p.Rows = append(p.Rows, slices.Concat([]string{
			fmt.Sprint(r.Round), page.Rate(r.SendPerSecond), page.Rate(r.SilentPerSecond), page.Decimal(r.Share), page.Rate(r.AnswerPerSecond),
			page.Rate(r.SendCPU), page.Rate(r.ScanCPU),
		}, r.AllCells(r.Queues)))
		c.Bars = append(c.Bars,
			page.Bar{Label: fmt.Sprintf("send, %d", r.Round), Value: r.SendPerSecond},
			page.Bar{Label: fmt.Sprintf("scan, %d", r.Round), Value: r.SilentPerSecond})
	}
	if len(c.Bars) > 0 {
		p.Charts = []page.Chart{c}
	}
	return p
}

func suiteDNS(ctx context.Context, quick bool, emit func(row any) error) (page.Part, error) {
	var args []string
	if quick {
		args = []string{"-names", "200000"}
	}
	o, err := parseDNS(args, io.Discard)
	if err != nil {
		return page.Part{}, err
	}
	rows, err := o.runAll(ctx, func(r *dnsRow) error { return emit(r) })
	return dnsPart(rows), err
}

// dnsPart shows the walks.
func dnsPart(rows []dnsRow) page.Part {
	p := page.Part{
		Command: "go run ./bench dns",
		Text: "Names a second of examples/dnswalk against an XDP far end that is every server; warm: over cached delegations, cold: a zone for each name. " +
			"Every answer is compared with the one there is. Frames are those of the device, padding left out. " + report.Ports + ".",
		Columns: slices.Concat([]string{"walk", "names", "zones", "seconds", "names/s", "CPU s", "referrals", "answers", "wrong", "missing"}, report.AllColumns),
	}
	c := page.Chart{Name: "dns", Title: "Names resolved", X: "walk", Y: "names/s"}
	for k := range rows {
		r := &rows[k]
		p.Rows = append(p.Rows, slices.Concat([]string{
			r.Walk, page.Number(uint64(r.Names)), page.Number(uint64(r.Zones)), page.Decimal(r.Seconds), page.Rate(r.NamesPerSecond),
			page.Decimal(r.CPUSeconds), page.Number(r.Referrals), page.Number(r.Answers), page.Number(uint64(r.Wrong)), page.Number(uint64(r.Missing)),
		}, r.AllCells(r.Queues)))
		c.Bars = append(c.Bars, page.Bar{Label: r.Walk, Value: r.NamesPerSecond})
	}
	if len(c.Bars) > 0 {
		p.Charts = []page.Chart{c}
	}
	return p
}
