package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"myriad/bench/internal/page"
	"myriad/bench/internal/stack"
)

const stackHelp = `usage: go run ./bench stack [flags]

Measures the library's own code alone: connections over a device in memory that
answers each SYN, by how many are in flight. Each is SYN, SYN-ACK, ACK, RST. The
time is the thread's processor time without that of the device, the shares of
the components come from a CPU profile. Needs no rights.

`

// stackOptions are stack's flags.
type stackOptions struct {
	inFlight []int
	lives    int
	batch    int
	rounds   int
	asJSON   bool
}

// stackRow is the runs with so many in flight.
type stackRow struct {
	InFlight           int               `json:"in_flight"`
	Batch              int               `json:"batch"`
	Lives              uint64            `json:"lives"` // in each round
	NanosecondsPerLife float64           `json:"nanoseconds_per_life"`
	Least              float64           `json:"nanoseconds_least"`
	Most               float64           `json:"nanoseconds_most"`
	TicksPerLife       float64           `json:"ticks_per_life"` // of the time stamp counter; 0: not known
	LivesPerSecond     float64           `json:"lives_per_second"`
	Mallocs            uint64            `json:"mallocs"`
	Components         []stack.Component `json:"components"` // of the median round
	Samples            int64             `json:"samples"`
}

func parseStack(args []string, stdout io.Writer) (o stackOptions, err error) {
	var inFlight, lives string
	f := flag.NewFlagSet("stack", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&inFlight, "in-flight", "10K,1M,10M", "`numbers` of connections whose SYN is not answered yet, comma-separated; K is a thousand, M a million")
	f.StringVar(&lives, "lives", "4M", "`number` of connections measured in a round, beside those in flight at its start")
	f.IntVar(&o.batch, "batch", batchDefault, "`frames` moved in one turn")
	f.IntVar(&o.rounds, "rounds", 3, "times that each is measured, taking turns; the median counts")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	if err := parseFlags(f, args, stdout, stackHelp); err != nil {
		return o, err
	}
	if o.inFlight, err = counts(inFlight); err != nil {
		return o, usageErrorf("stack: -in-flight: %w", err)
	}
	one, err := counts(lives)
	if err != nil || len(one) != 1 {
		return o, usageErrorf("stack: -lives %q is not one number, as 4M", lives)
	}
	o.lives = one[0]
	if o.rounds < 1 || o.rounds > 100 {
		return o, usageErrorf("stack: -rounds %d is not within 1 to 100", o.rounds)
	}
	if o.batch < 1 || o.batch > 4096 {
		return o, usageErrorf("stack: -batch %d is not within 1 to 4096", o.batch)
	}
	return o, nil
}

// stackCommand is `bench stack`.
func stackCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseStack(args, stdout)
	if err != nil {
		return err
	}
	rows, err := o.runAll(ctx)
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "bench: interrupted; this is what was measured until then")
	}
	if o.asJSON {
		for k := range rows {
			err = errors.Join(err, json.NewEncoder(stdout).Encode(&rows[k]))
		}
		return err
	}
	part := stackPart(rows)
	return errors.Join(err, part.WriteText(stdout))
}

// runAll measures; what is in flight takes turns within a round.
func (o *stackOptions) runAll(ctx context.Context) (rows []stackRow, err error) {
	runs := make([][]stack.Result, len(o.inFlight))
	for range o.rounds {
		for k, n := range o.inFlight {
			r, err := stack.Run(ctx, stack.Config{InFlight: n, Lives: o.lives, Batch: o.batch})
			if err != nil {
				return nil, err
			}
			if ctx.Err() != nil {
				return o.rows(runs), nil
			}
			runs[k] = append(runs[k], r)
		}
	}
	return o.rows(runs), nil
}

func (o *stackOptions) rows(runs [][]stack.Result) (rows []stackRow) {
	ticks := stack.TicksPerNanosecond()
	for k, all := range runs {
		if len(all) == 0 {
			continue
		}
		slices.SortFunc(all, func(a, b stack.Result) int { return int(a.PerLife() - b.PerLife()) })
		m := &all[len(all)/2]
		rows = append(rows, stackRow{
			InFlight: o.inFlight[k], Batch: o.batch, Lives: m.Lives,
			NanosecondsPerLife: m.PerLife(), Least: all[0].PerLife(), Most: all[len(all)-1].PerLife(),
			TicksPerLife: m.PerLife() * ticks, LivesPerSecond: 1e9 / m.PerLife(),
			Mallocs: m.Mallocs, Components: m.Components, Samples: m.Samples,
		})
	}
	return rows
}

// framesPerLife are those of SYN, SYN-ACK, ACK and RST.
const framesPerLife = 4

// stackPart shows the rows.
func stackPart(rows []stackRow) page.Part {
	p := page.Part{
		Name: "stack", Title: "Our own code, in memory", Command: "go run ./bench stack",
		Text: "One core, SYN, SYN-ACK, ACK and RST over a device in memory that answers in the order of the SYNs: " +
			"processor time of our code for one connection. 10 Gigabit Ethernet is full at 201 ns.",
		Columns: []string{"in flight", "ns a connection", "range", "ticks", "ns a frame", "connections/s", "allocations", "where"},
	}
	chart := page.Chart{Name: "stack", Title: "Our own code by connections in flight", X: "in flight", Y: "ns a connection", LogX: true}
	line := page.Line{Label: "SYN, SYN-ACK, ACK, RST"}
	for k := range rows {
		r := &rows[k]
		ticks := "not measured"
		if r.TicksPerLife > 0 {
			ticks = page.Rate(r.TicksPerLife)
		}
		p.Rows = append(p.Rows, []string{
			short(r.InFlight), page.Rate(r.NanosecondsPerLife), page.Rate(r.Least) + " to " + page.Rate(r.Most), ticks,
			page.Rate(r.NanosecondsPerLife / framesPerLife), page.Rate(r.LivesPerSecond), page.Number(r.Mallocs), where(r.Components),
		})
		line.X, line.Y = append(line.X, float64(r.InFlight)), append(line.Y, r.NanosecondsPerLife)
	}
	if len(line.X) > 0 {
		chart.Lines = []page.Line{line}
		p.Charts = []page.Chart{chart}
	}
	return p
}

// where names the components, the heaviest first.
func where(all []stack.Component) string {
	var names []string
	for _, c := range all {
		names = append(names, fmt.Sprintf("%s %.0f%%", c.Name, 100*c.Share))
	}
	return strings.Join(names, ", ")
}
