package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
	"myriad/bench/internal/scanner"
)

// suiteOptions are the flags of bench without a subcommand.
type suiteOptions struct {
	quick, asJSON bool
	out           string
	only          []string
	within        time.Duration
}

const suiteHelp = `usage: go run ./bench [flags]
       go run ./bench SUBCOMMAND [flags]

Without a subcommand it measures everything, a part after the other, each in
network namespaces of its own; needs root. Some minutes, -quick about one.
Ctrl-C prints what was measured until then, and with -out writes it.

`

// suitePart measures one part. Each row goes to emit as soon as it is there. A
// new part is a line in suiteParts, and a function that parses its subcommand's
// flags (fewer and shorter runs when quick), measures, and returns its table and
// charts.
type suitePart struct {
	name, title string
	run         func(ctx context.Context, quick bool, emit func(row any) error) (page.Part, error)
}

var suiteParts = []suitePart{
	{"connect", "Connections per second, beside what people use instead", suiteConnect},
	{"stack", "Where the time goes: our own code, the live path, caches", suiteStack},
	{"send", "Raw frames sent", suiteSend},
	{"receive", "Frames received", suiteReceive},
	{"hold", "Connections held open at once", suiteHold},
	{"latency", "Frame in to frame out", suiteLatency},
	{"cpu", "Processor time at fixed rates", suiteCPU},
	{"transfer", "Bulk transfers beside the kernel's", suiteTransfer},
	{"transact", "Requests and replies on open connections", suiteTransact},
	{"scan", "The scanner, beside bare sending", suiteScan},
	{"dns", "Names resolved by the walk", suiteDNS},
}

func parseSuite(args []string, stdout io.Writer) (o suiteOptions, err error) {
	var only string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.BoolVar(&o.quick, "quick", false, "smaller and shorter runs")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line, with the part's name as \"part\"")
	f.StringVar(&o.out, "out", "", "write the charts (SVG), a page with all tables and charts, and the rows (JSON) to this `directory`")
	f.DurationVar(&o.within, "within", 0, "the most that all parts together may take; what is not measured by then is listed as skipped (default: no limit)")
	f.StringVar(&only, "only", "", "`parts` to measure, comma-separated; all by default")
	if err := parseFlags(f, args, stdout, suiteHelp); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			listCommands(stdout)
		}
		return o, err
	}
	if o.within < 0 {
		return o, usageErrorf("-within %v is below 0: leave it out for no limit", o.within)
	}
	if only == "" {
		return o, nil
	}
	o.only = strings.Split(only, ",")
	for _, name := range o.only {
		if !slices.ContainsFunc(suiteParts, func(p suitePart) bool { return p.name == name }) {
			return o, usageErrorf("-only: there is no part %q; there are %s", name, strings.Join(partNames(), ", "))
		}
	}
	return o, nil
}

// partNames are the parts, in their order.
func partNames() (names []string) {
	for _, s := range suiteParts {
		names = append(names, s.name)
	}
	return names
}

// suiteCommand is bench without a subcommand.
func suiteCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parseSuite(args, stdout)
	if err != nil {
		return err
	}
	rows := stdout
	if !o.asJSON {
		rows = io.Discard
	}
	if o.out != "" {
		if err := os.MkdirAll(o.out, 0o755); err != nil {
			return fmt.Errorf("-out: %w", err)
		}
		file, err := os.Create(filepath.Join(o.out, "rows.jsonl"))
		if err != nil {
			return fmt.Errorf("-out: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		rows = io.MultiWriter(rows, file)
	}
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if o.within > 0 {
		bounded, cancel = context.WithTimeout(ctx, o.within)
	}
	defer cancel()
	_, err = o.measure(bounded, rows, stdout)
	noteInterruption(ctx, stderr)
	if o.out != "" {
		fmt.Fprintln(stderr, "bench: wrote", filepath.Join(o.out, page.FileName))
	}
	return err
}

// measure does the parts, and writes the page anew after each. One that fails is
// listed as skipped, with the reason, and the others go on.
func (o *suiteOptions) measure(ctx context.Context, rows, stdout io.Writer) (parts []page.Part, failure error) {
	began := time.Now()
	for k, s := range suiteParts {
		if !o.wants(s.name) {
			continue
		}
		var part page.Part
		var err error
		switch over := ctx.Err(); {
		case errors.Is(over, context.DeadlineExceeded):
			part = page.Part{Name: s.name, Title: s.title, Skipped: fmt.Sprintf("no time left of the %v of -within", o.within)}
		case over != nil:
			return parts, oneLine(errors.Join(failure, o.write(parts, began)))
		default:
			own, cancel := o.allow(ctx, k)
			part, err = o.measurePart(own, &s, rows)
			cancel()
		}
		failure = errors.Join(failure, err)
		parts = append(parts, part)
		if err := errors.Join(o.print(&part, stdout), o.write(parts, began)); err != nil {
			return parts, err
		}
	}
	return parts, oneLine(failure)
}

// wants says whether a part is to be measured.
func (o *suiteOptions) wants(name string) bool { return o.only == nil || slices.Contains(o.only, name) }

// timeShares are the parts' shares of -within, 1 for those that are not named: the
// seconds that each takes on two processors, so that a limit cuts all of them alike.
var timeShares = map[string]int{
	"connect": 120, "stack": 95, "send": 105, "receive": 30, "hold": 50, "latency": 25, "cpu": 35,
	"transfer": 60, "transact": 95, "scan": 15, "dns": 15,
}

func timeShare(name string) int { return max(timeShares[name], 1) }

// allow gives a part its share of the time that is left; what it does not use is
// for those after it.
func (o *suiteOptions) allow(ctx context.Context, part int) (context.Context, context.CancelFunc) {
	until, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	all := 0
	for _, s := range suiteParts[part:] {
		if o.wants(s.name) {
			all += timeShare(s.name)
		}
	}
	return context.WithTimeout(ctx, time.Until(until)*time.Duration(timeShare(suiteParts[part].name))/time.Duration(all))
}

// measurePart does one part.
func (o *suiteOptions) measurePart(ctx context.Context, s *suitePart, rows io.Writer) (page.Part, error) {
	before := watch()
	part, err := s.run(ctx, o.quick, func(row any) error { return emit(rows, s.name, row) })
	part.Name, part.Title = s.name, s.title
	part.Notes = append(part.Notes, watch().disturbance(before)...)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		part.Notes = append(part.Notes, fmt.Sprintf("ended early: its share of the %v of -within was over", o.within))
		if len(part.Rows)+len(part.More) == 0 {
			part.Skipped = fmt.Sprintf("its share of the %v of -within was too short", o.within)
		}
		return part, nil
	}
	switch {
	case err != nil && len(part.Rows)+len(part.More) == 0:
		part.Skipped = strings.TrimPrefix(err.Error(), s.name+": ")
	case err != nil:
		part.Notes = append(part.Notes, "ended early: "+err.Error())
	}
	return part, err
}

// print shows a part to people.
func (o *suiteOptions) print(part *page.Part, stdout io.Writer) error {
	if o.asJSON {
		return nil
	}
	fmt.Fprintf(stdout, "== %s\n", part.Name)
	err := part.WriteText(stdout)
	fmt.Fprintln(stdout)
	return err
}

// write writes the page, with the parts that there are.
func (o *suiteOptions) write(parts []page.Part, began time.Time) error {
	if o.out == "" {
		return nil
	}
	r := page.Report{Title: "Myriad: measurements", Facts: facts(began), Parts: parts}
	return r.Write(o.out)
}

// oneLine joins the lines of several errors.
func oneLine(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}

// emit writes a row with the part's name before its own keys.
func emit(out io.Writer, part string, row any) error {
	text, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("bench: writing a row: %w", err)
	}
	_, err = fmt.Fprintf(out, "{\"part\":%q,%s\n", part, text[1:])
	return err
}

// notMeasured says which jobs a run did not come to, having done the first of them,
// by what each is of.
func notMeasured[J any](jobs []J, done int, of func(*J) string) []string {
	if done >= len(jobs) {
		return nil
	}
	var names []string
	counts := make(map[string]int)
	for k := range jobs[done:] {
		name := of(&jobs[done+k])
		if counts[name]++; counts[name] == 1 {
			names = append(names, name)
		}
	}
	for k, name := range names {
		names[k] = fmt.Sprintf("%s (%d)", name, counts[name])
	}
	return []string{"skipped, rows that it did not come to: " + strings.Join(names, ", ")}
}

// suiteConnects are the comparisons of the suite: every kind of connection, to
// many; and to one address and port, and on one queue, the handshake alone, on which
// the scanners, who take their time to end, are left out.
var suiteConnects = [][]string{
	{"-duration", "150ms", "-jobs", strings.Join(connectKinds, ",")},
	{"-duration", "150ms", "-jobs", "rst", "-destinations", "one", "-queues", "1,2"},
	{"-duration", "150ms", "-jobs", "rst", "-queues", "1", "-methods", strings.Join(slices.DeleteFunc(slices.Clone(methodNames), isScanner), ",")},
}

func isScanner(method string) bool { return slices.Contains(scanner.Tools, method) }

func suiteConnect(ctx context.Context, quick bool, emit func(row any) error) (page.Part, error) {
	runs := suiteConnects
	if quick {
		runs = [][]string{{"-rounds", "1", "-duration", "200ms", "-tune", "10ms"}}
	}
	var rows []report.Row
	var skipped []string
	for _, args := range runs {
		o, err := parseConnect(append([]string{"-methods", strings.Join(methodNames, ",")}, args...), io.Discard)
		if err != nil {
			return page.Part{}, err
		}
		more, without, err := o.compare(ctx, func(r *report.Row) error { return emit(r) })
		rows, skipped = append(rows, more...), append(skipped, without...)
		slices.Sort(skipped)
		skipped = slices.Compact(skipped)
		if err != nil || ctx.Err() != nil {
			return comparePart(rows, skipped), err
		}
	}
	return comparePart(rows, skipped), nil
}

func suiteHold(ctx context.Context, quick bool, emit func(row any) error) (page.Part, error) {
	var args []string
	if quick {
		args = []string{"-connections", "1K,10K,100K", "-exchanges", "20000"}
	}
	o, err := parseHold(args, io.Discard)
	if err != nil {
		return page.Part{}, err
	}
	rows, err := o.runAll(ctx, func(r *holdRow) error { return emit(r) })
	part := holdPart(rows)
	part.Notes = append(part.Notes, notMeasured(o.jobs(), len(rows), func(j *holdJob) string { return j.method + " " + short(j.connections) })...)
	return part, err
}

func suiteStack(ctx context.Context, quick bool, emit func(row any) error) (page.Part, error) {
	args := []string{"-tables", "live,memory,cache"} // the longest last, should the time be over
	if quick {
		args = []string{"-in-flight", "10K,100K", "-lives", "500K", "-rounds", "1", "-cache-in-flight", "10K", "-duration", "500ms"}
	}
	o, err := parseStack(args, io.Discard)
	if err != nil {
		return page.Part{}, err
	}
	rows, err := o.runAll(ctx)
	return stackPart(&rows), errors.Join(err, rows.each(emit))
}

func suiteSend(ctx context.Context, quick bool, emit func(row any) error) (page.Part, error) {
	args := []string{"-duration", "70ms"}
	if quick {
		args = []string{"-duration", "50ms", "-sizes", "64", "-batches", "1,32,256,4096", "-rounds", "1"}
	}
	o, err := parseSend(args, io.Discard)
	if err != nil {
		return page.Part{}, err
	}
	rows, err := o.runAll(ctx, func(r *sendRow) error { return emit(r) })
	part := sendPart(rows)
	part.Notes = append(part.Notes, notMeasured(o.jobs(), len(rows), func(r *sendRow) string { return r.Table })...)
	return part, err
}

func suiteReceive(ctx context.Context, quick bool, emit func(row any) error) (page.Part, error) {
	var args []string
	if quick {
		args = []string{"-duration", "300ms", "-pools", "1024,4096", "-rates", "100K,500K", "-thresholds", "never,512"}
	}
	o, err := parseReceive(args, io.Discard)
	if err != nil {
		return page.Part{}, err
	}
	rows, err := o.runAll(ctx, func(r *receiveRow) error { return emit(r) })
	part := receivePart(rows)
	part.Notes = append(part.Notes, notMeasured(o.jobs(), len(rows), func(r *receiveRow) string { return r.Table })...)
	return part, err
}
