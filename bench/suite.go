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
)

// suiteOptions are the flags of bench without a subcommand.
type suiteOptions struct {
	quick, asJSON bool
	out           string
	only          []string
}

const suiteHelp = `usage: go run ./bench [flags]
       go run ./bench SUBCOMMAND [flags]

Without a subcommand it measures everything, a part after the other, each in
network namespaces of its own; needs root. Some minutes, -quick about one.
Ctrl-C prints what was measured until then, and with -out writes it.

`

// suitePart measures one part. Each row goes to emit as soon as it is there.
type suitePart struct {
	name, title string
	run         func(ctx context.Context, quick bool, emit func(row any) error) (page.Part, error)
}

var suiteParts = []suitePart{
	{"connect", "Connections per second, beside what people use instead", suiteConnect},
	{"send", "Raw frames sent", suiteSend},
	{"receive", "Frames received", suiteReceive},
	{"hold", "Connections held open at once", suiteHold},
	{"latency", "Frame in to frame out", suiteLatency},
	{"cpu", "Processor time at fixed rates", suiteCPU},
	{"stack", "Our own code, in memory", suiteStack},
	{"transfer", "Bulk transfers beside the kernel's", suiteTransfer},
	{"transact", "Requests and replies on open connections", suiteTransact},
}

func parseSuite(args []string, stdout io.Writer) (o suiteOptions, err error) {
	var only string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.BoolVar(&o.quick, "quick", false, "smaller and shorter runs")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line, with the part's name as \"part\"")
	f.StringVar(&o.out, "out", "", "write the charts (SVG), a page with all tables and charts, and the rows (JSON) to this `directory`")
	f.StringVar(&only, "only", "", "`parts` to measure, comma-separated; all by default")
	if err := parseFlags(f, args, stdout, suiteHelp); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			listCommands(stdout)
		}
		return o, err
	}
	if only == "" {
		return o, nil
	}
	o.only = strings.Split(only, ",")
	for _, name := range o.only {
		if !slices.ContainsFunc(suiteParts, func(p suitePart) bool { return p.name == name }) {
			return o, usageErrorf("bench: -only: there is no part %q", name)
		}
	}
	return o, nil
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
	began := time.Now()
	parts, err := o.measure(ctx, rows, stdout)
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "bench: interrupted; this is what was measured until then")
	}
	if o.out != "" {
		r := page.Report{Title: "Myriad: measurements", Facts: facts(began), Parts: parts}
		err = errors.Join(err, r.Write(o.out))
		fmt.Fprintln(stderr, "bench: wrote", filepath.Join(o.out, page.FileName))
	}
	return err
}

// measure does the parts. One that fails is listed as skipped, with the reason,
// and the others go on.
func (o *suiteOptions) measure(ctx context.Context, rows, stdout io.Writer) (parts []page.Part, failure error) {
	for _, s := range suiteParts {
		if ctx.Err() != nil {
			break
		}
		if o.only != nil && !slices.Contains(o.only, s.name) {
			continue
		}
		part, err := s.run(ctx, o.quick, func(row any) error { return emit(rows, s.name, row) })
		part.Name, part.Title = s.name, s.title
		switch {
		case err != nil && len(part.Rows) == 0:
			part.Skipped = err.Error()
		case err != nil:
			part.Notes = append(part.Notes, "ended early: "+err.Error())
		}
		failure = errors.Join(failure, err)
		parts = append(parts, part)
		if o.asJSON {
			continue
		}
		fmt.Fprintf(stdout, "== %s\n", s.name)
		if err := part.WriteText(stdout); err != nil {
			return parts, err
		}
		fmt.Fprintln(stdout)
	}
	return parts, oneLine(failure)
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

func suiteConnect(ctx context.Context, quick bool, emit func(row any) error) (page.Part, error) {
	args := []string{"-methods", strings.Join(methodNames, ",")}
	if quick {
		args = append(args, "-rounds", "1", "-duration", "300ms")
	}
	o, err := parseConnect(args, io.Discard)
	if err != nil {
		return page.Part{}, err
	}
	rows, skipped, err := o.compare(ctx, func(r *report.Row) error { return emit(r) })
	return comparePart(rows, skipped), err
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
	return holdPart(rows), err
}

func suiteStack(ctx context.Context, quick bool, emit func(row any) error) (page.Part, error) {
	var args []string
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
	var args []string
	if quick {
		args = []string{"-duration", "50ms", "-sizes", "64", "-batches", "1,32,256,4096"}
	}
	o, err := parseSend(args, io.Discard)
	if err != nil {
		return page.Part{}, err
	}
	rows, err := o.runAll(ctx, func(r *sendRow) error { return emit(r) })
	return sendPart(rows), err
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
	return receivePart(rows), err
}
