package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
	"myriad/bench/internal/stack"
)

const stackHelp = `usage: go run ./bench stack [flags]

memory: measures the library's own code alone: connections over a device in memory
that answers each SYN, by how many are in flight. Each is SYN, SYN-ACK, ACK, RST.
The time is the thread's processor time without that of the device, the shares of
the components come from a CPU profile. Needs no rights.

live: where the processors are while "connect" runs over a veth pair, the kernel
included, by samples. Needs root.

cache: cache misses of the same code as in memory, simulated by valgrind's
cachegrind.

`

// stackOptions are stack's flags.
type stackOptions struct {
	tables        []string
	inFlight      []int
	cacheInFlight []int
	lives         int
	batch         int
	rounds        int
	queues        int
	duration      time.Duration
	asJSON        bool
}

// stackTables are the tables there are.
var stackTables = []string{"memory", "live", "cache"}

// stackRow is the runs with so many in flight.
type stackRow struct {
	Table              string         `json:"table"` // memory
	InFlight           int            `json:"in_flight"`
	Batch              int            `json:"batch"`
	Lives              uint64         `json:"lives"` // in each round
	NanosecondsPerLife float64        `json:"nanoseconds_per_life"`
	Least              float64        `json:"nanoseconds_least"`
	Most               float64        `json:"nanoseconds_most"`
	TicksPerLife       float64        `json:"ticks_per_life"` // of the time stamp counter; 0: not known
	LivesPerSecond     float64        `json:"lives_per_second"`
	Mallocs            uint64         `json:"mallocs"`
	Components         []componentRow `json:"components"` // of the median round
	Samples            int64          `json:"samples"`

	Queues int `json:"queues"`
	// Those of all rows, of the median round: what one core would do in the time of
	// our code alone. There is no interface, and the device is in the same thread.
	report.Common
}

// stackRows is what was measured, and what could not be, with the reason.
type stackRows struct {
	memory  []stackRow
	live    []liveRow
	cache   []cacheRow
	skipped []string
}

func parseStack(args []string, stdout io.Writer) (o stackOptions, err error) {
	var tables, inFlight, cacheInFlight, lives string
	f := flag.NewFlagSet("stack", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&tables, "tables", strings.Join(stackTables, ","), "`names` of what is measured, comma-separated")
	f.StringVar(&inFlight, "in-flight", "10K,1M,10M", "`numbers` of connections whose SYN is not answered yet, comma-separated; K is a thousand, M a million")
	f.StringVar(&cacheInFlight, "cache-in-flight", "10K,1M", "the same for the simulated caches, which take fifty times as long")
	f.StringVar(&lives, "lives", "4M", "`number` of connections measured in a round, beside those in flight at its start")
	f.IntVar(&o.batch, "batch", batchDefault, "`frames` moved in one turn")
	f.IntVar(&o.rounds, "rounds", 3, "times that each is measured in memory, taking turns; the median counts")
	f.IntVar(&o.queues, "queues", queuesDefault, "`number` of queues of the live path, each with a worker")
	f.DurationVar(&o.duration, "duration", 2*time.Second, "how long each of the live path's jobs is sampled")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	if err := parseFlags(f, args, stdout, stackHelp); err != nil {
		return o, err
	}
	if o.inFlight, err = counts(inFlight); err != nil {
		return o, usageErrorf("stack: -in-flight: %w", err)
	}
	if o.cacheInFlight, err = counts(cacheInFlight); err != nil {
		return o, usageErrorf("stack: -cache-in-flight: %w", err)
	}
	one, err := counts(lives)
	if err != nil || len(one) != 1 {
		return o, usageErrorf("stack: -lives %q is not one number, as 4M", lives)
	}
	o.lives, o.tables = one[0], strings.Split(tables, ",")
	if err := o.validate(); err != nil {
		return o, usageErrorf("stack: %w", err)
	}
	return o, nil
}

// validate refuses what cannot be measured.
func (o *stackOptions) validate() error {
	for _, name := range o.tables {
		if !slices.Contains(stackTables, name) {
			return fmt.Errorf("-tables %q is none of %s", name, strings.Join(stackTables, ", "))
		}
	}
	switch {
	case o.rounds < 1 || o.rounds > 100:
		return fmt.Errorf("-rounds %d is not within 1 to 100", o.rounds)
	case o.batch < 1 || o.batch > 4096:
		return fmt.Errorf("-batch %d is not within 1 to 4096", o.batch)
	case o.queues < 1 || o.queues > 256:
		return fmt.Errorf("-queues %d is not within 1 to 256", o.queues)
	case o.duration <= 0:
		return fmt.Errorf("-duration %v is not above 0", o.duration)
	}
	return nil
}

// stackCommand is `bench stack`.
func stackCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseStack(args, stdout)
	if err != nil {
		return err
	}
	rows, err := o.runAll(ctx)
	noteInterruption(ctx, stderr)
	if o.asJSON {
		noteSkipped(stderr, rows.skipped)
		return errors.Join(err, rows.each(func(row any) error { return json.NewEncoder(stdout).Encode(row) }))
	}
	part := stackPart(&rows)
	return errors.Join(err, part.WriteText(stdout))
}

// each hands every row over.
func (r *stackRows) each(emit func(row any) error) (err error) {
	for k := range r.memory {
		err = errors.Join(err, emit(&r.memory[k]))
	}
	for k := range r.live {
		err = errors.Join(err, emit(&r.live[k]))
	}
	for k := range r.cache {
		err = errors.Join(err, emit(&r.cache[k]))
	}
	return err
}

// runAll measures the tables. The live path and the simulation need what the
// machine may not have: then they are skipped, with the reason.
func (o *stackOptions) runAll(ctx context.Context) (rows stackRows, err error) {
	for _, table := range o.tables {
		if ctx.Err() != nil {
			break
		}
		var cannot error
		switch table {
		case "memory":
			if rows.memory, err = o.runMemory(ctx); err != nil {
				return rows, err
			}
		case "live":
			rows.live, cannot = o.runLive(ctx)
		case "cache":
			rows.cache, cannot = o.runCache(ctx)
		}
		if cannot != nil {
			rows.skipped = append(rows.skipped, table+": "+cannot.Error())
		}
	}
	return rows, nil
}

// runMemory measures; what is in flight takes turns within a round.
func (o *stackOptions) runMemory(ctx context.Context) (rows []stackRow, err error) {
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
		slices.SortFunc(all, func(a, b stack.Result) int { return cmp.Compare(a.PerLife(), b.PerLife()) })
		m := &all[len(all)/2]
		row := stackRow{
			Table: "memory", InFlight: o.inFlight[k], Batch: o.batch, Lives: m.Lives,
			NanosecondsPerLife: m.PerLife(), Least: all[0].PerLife(), Most: all[len(all)-1].PerLife(),
			TicksPerLife: m.PerLife() * ticks, LivesPerSecond: 1e9 / m.PerLife(),
			Mallocs: m.Mallocs, Samples: m.Samples, Queues: 1,
		}
		row.Destinations = "unique"
		row.Rates(m.Traffic, m.Lives, m.Ours)
		for _, c := range m.Components {
			component := componentRow{Name: c.Name, Share: c.Share}
			component.fill(m.PerLife(), framesPerLife, ticks)
			row.Components = append(row.Components, component)
		}
		rows = append(rows, row)
	}
	return rows
}

// framesPerLife are those of SYN, SYN-ACK, ACK and RST.
const framesPerLife = 4

// stackPart shows the rows.
func stackPart(rows *stackRows) page.Part {
	p := page.Part{
		Name: "stack", Title: "Our own code, in memory", Command: "go run ./bench stack",
		Text: "One core, SYN, SYN-ACK, ACK and RST over a device in memory that answers in the order of the SYNs: " +
			"processor time of our code for one connection. 10 Gigabit Ethernet is full at 201 ns. " +
			"Rates, and shares of a wire, are what one core would do in that time; there is no interface, and what else the core does is not looked at.",
		Columns: slices.Concat([]string{"in flight", "ns a connection", "range", "ticks a connection", "ns a packet", "ticks a packet", "allocations"}, report.AllColumns),
	}
	for _, s := range rows.skipped {
		p.Notes = append(p.Notes, "skipped: "+s)
	}
	memoryPart(rows.memory, &p)
	livePart(rows.live, &p)
	cachePart(rows.cache, &p)
	return p
}

// memoryPart shows the runs in memory.
func memoryPart(rows []stackRow, p *page.Part) {
	chart := page.Chart{Name: "stack", Title: "Our own code by connections in flight", X: "in flight", Y: "ns a connection", LogX: true}
	line := page.Line{Label: "SYN, SYN-ACK, ACK, RST"}
	components := page.Table{
		Title:   "Our own code in memory, by component. \"the turn\" is what a worker does around the others.",
		Columns: append([]string{"in flight"}, componentColumns...),
	}
	for k := range rows {
		r := &rows[k]
		ticks := func(n float64) string {
			if n == 0 {
				return "not measured"
			}
			return page.Rate(n)
		}
		p.Rows = append(p.Rows, slices.Concat([]string{
			short(r.InFlight), page.Rate(r.NanosecondsPerLife), page.Rate(r.Least) + " to " + page.Rate(r.Most), ticks(r.TicksPerLife),
			page.Rate(r.NanosecondsPerLife / framesPerLife), ticks(r.TicksPerLife / framesPerLife), page.Number(r.Mallocs),
		}, r.AllCells(r.Queues)))
		for i := range r.Components {
			components.Rows = append(components.Rows, append([]string{short(r.InFlight)}, r.Components[i].cells()...))
		}
		line.X, line.Y = append(line.X, float64(r.InFlight)), append(line.Y, r.NanosecondsPerLife)
	}
	if len(line.X) > 0 {
		chart.Lines = []page.Line{line}
		p.Charts, p.More = append(p.Charts, chart), append(p.More, components)
	}
}
