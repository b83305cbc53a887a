package report

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"os"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/plot/plotter"

	"myriad/examples/internal/account"
)

// ErrWrite: the page could not be written.
var ErrWrite = errors.New("write report")

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// Fact is one line about the run.
type Fact struct{ Name, Value string }

// Sample is what had come of the run some time after its start.
type Sample struct {
	At                        time.Duration
	Done, Found, Opened, Open int64
}

// Report is a run.
type Report struct {
	Program string
	Unit    string // what a target is, in the plural
	Command string
	Started time.Time
	Took    time.Duration
	End     string // finished, interrupted, or failed: why
	Facts   []Fact
	Samples []Sample
	Account account.Account
}

// table is a table on the page.
type table struct {
	Title   string
	Columns []string
	Rows    [][]string
}

type image struct {
	Title  string
	Source template.URL
}

// Write writes the page to a file, as a whole.
func (r *Report) Write(path string) error {
	content, err := r.html()
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return fmt.Errorf("report: %w: %w", ErrWrite, err)
	}
	return nil
}

func (r *Report) html() ([]byte, error) {
	var images []image
	for _, c := range r.charts() {
		svg, err := c.svg()
		if err != nil {
			return nil, fmt.Errorf("chart %s: %w", c.Title, err)
		}
		if svg != nil {
			source := "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(svg)
			images = append(images, image{c.Title, template.URL(source)})
		}
	}
	var out bytes.Buffer
	err := page.Execute(&out, struct {
		*Report
		Summary []Fact
		Images  []image
		Tables  []table
	}{r, r.summary(), images, r.tables()})
	return out.Bytes(), err
}

func (r *Report) summary() []Fact {
	a := &r.Account
	facts := []Fact{
		{"Program", r.Program}, {"Command", r.Command}, {"Started", r.Started.Format(time.RFC3339)},
		{"Took", r.Took.Round(time.Millisecond).String()}, {"End", r.End},
		{strings.ToUpper(r.Unit[:1]) + r.Unit[1:], fmt.Sprintf("%s done of %s known: %s found, %s not looked at",
			number(float64(a.Done)), number(float64(max(a.Known, a.Done))), number(float64(a.Found)), number(float64(a.NotLooked())))},
	}
	return append(facts, r.Facts...)
}

// outcomesMost is how many outcomes have a bar of their own.
const outcomesMost = 12

func (r *Report) charts() []*chart {
	rate := &chart{Title: "Rate over time", X: "seconds", Y: "a second", lines: []line{
		{r.Unit + " done", r.perSecond(func(s *Sample) int64 { return s.Done })},
		{"found", r.perSecond(func(s *Sample) int64 { return s.Found })},
		{"connections opened", r.perSecond(func(s *Sample) int64 { return s.Opened })},
	}}
	open := &chart{Title: "Open connections over time", X: "seconds", Y: "connections", lines: []line{{points: r.over(func(s *Sample) int64 { return s.Open })}}}
	outcomes := &chart{Title: "Outcomes", Y: r.Unit}
	for k, o := range ordered(r.Account.Outcomes) {
		if k == outcomesMost {
			break
		}
		outcomes.bars = append(outcomes.bars, bar{o.name, float64(o.count)})
	}
	polite := &chart{Title: "Politeness: the most seen, in % of what is promised", Y: "%", rule: 100, yMax: 110}
	for k := range r.Account.Bounds {
		if b := &r.Account.Bounds[k]; b.Limit > 0 {
			polite.bars = append(polite.bars, bar{b.Name, 100 * b.Used()})
		}
	}
	return []*chart{rate, open, r.latency(), outcomes, polite}
}

func (r *Report) latency() *chart {
	c := &chart{Title: "Latency of answers", X: "milliseconds", Y: "% that took no longer", logX: true, yMax: 100}
	if r.Account.Latency == nil {
		return c
	}
	d := r.Account.Latency
	var points plotter.XYs
	for bound, count := range d.Below {
		y := 100 * float64(count) / float64(d.Count)
		if points == nil {
			points = append(points, plotter.XY{X: bound.Seconds() * 1000 / 2, Y: 0})
		}
		points = append(points, plotter.XY{X: bound.Seconds() * 1000, Y: y})
	}
	c.lines = []line{{points: points}}
	return c
}

func (r *Report) over(of func(*Sample) int64) (points plotter.XYs) {
	for i := range r.Samples {
		s := &r.Samples[i]
		points = append(points, plotter.XY{X: s.At.Seconds(), Y: float64(of(s))})
	}
	return points
}

// perSecond is the growth between two samples.
func (r *Report) perSecond(of func(*Sample) int64) (points plotter.XYs) {
	for i := 1; i < len(r.Samples); i++ {
		s, before := &r.Samples[i], &r.Samples[i-1]
		if took := (s.At - before.At).Seconds(); took > 0 {
			points = append(points, plotter.XY{X: s.At.Seconds(), Y: float64(of(s)-of(before)) / took})
		}
	}
	return points
}

func (r *Report) tables() []table {
	a := &r.Account
	tables := []table{counted("Outcomes", a.Outcomes), {Title: "Politeness", Columns: []string{"promise", "limit", "came to"}}}
	for _, b := range a.Bounds {
		limit := "none"
		if b.Limit > 0 {
			limit = map[bool]string{false: "at most ", true: "at least "}[b.Least] + number(b.Limit)
		}
		tables[1].Rows = append(tables[1].Rows, []string{b.Name, limit, cameTo(&b)})
	}
	if a.Latency != nil {
		t := table{Title: "Latency of answers", Columns: []string{"share", "no longer than"}}
		d := a.Latency
		for _, q := range []struct {
			name  string
			share float64
		}{{"50 %", 0.5}, {"90 %", 0.9}, {"99 %", 0.99}, {"99.9 %", 0.999}, {"all", 1}} {
			if d.Count > 0 {
				t.Rows = append(t.Rows, []string{q.name, d.Quantile(q.share).String()})
			}
		}
		tables = append(tables, t)
	}
	tables = append(tables, counted("The program's counters", a.Counters),
		counted("Failed connections", a.Stack.FailedBy), counted("Dropped frames and segments", a.Stack.Drops))
	return slices.DeleteFunc(tables, func(t table) bool { return len(t.Rows) == 0 })
}

// cameTo words the most that was seen of a bound.
func cameTo(b *account.Bound) string {
	if b.Peak == 0 && (b.Limit == 0 || b.Least) {
		return "not seen" // where there is no limit not all programs look
	}
	return number(b.Peak)
}

func counted[V int64 | uint64](title string, counts map[string]V) table {
	t := table{Title: title, Columns: []string{"", "count"}}
	for _, c := range ordered(counts) {
		t.Rows = append(t.Rows, []string{c.name, number(float64(c.count))})
	}
	return t
}

type count[V int64 | uint64] struct {
	name  string
	count V
}

// ordered puts the largest first and leaves zeros out.
func ordered[V int64 | uint64](counts map[string]V) (all []count[V]) {
	for name, n := range counts {
		if n > 0 {
			all = append(all, count[V]{name, n})
		}
	}
	slices.SortFunc(all, func(a, b count[V]) int {
		return cmp.Or(cmp.Compare(b.count, a.count), strings.Compare(a.name, b.name))
	})
	return all
}
