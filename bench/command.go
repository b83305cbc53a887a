package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"

	"myriad/bench/internal/page"
)

// printRows has a subcommand's rows measured, and prints them: each as JSON as
// soon as it is there, or all by write at the end, also when the run was cut
// short.
func printRows[R any](ctx context.Context, asJSON bool, stdout, stderr io.Writer,
	measure func(ctx context.Context, each func(*R) error) ([]R, error), write func(io.Writer, []R) error) error {
	rows, err := measure(ctx, func(r *R) error {
		if asJSON {
			return json.NewEncoder(stdout).Encode(r)
		}
		return nil
	})
	if !asJSON && len(rows) > 0 {
		err = errors.Join(write(stdout, rows), err)
	}
	noteInterruption(ctx, stderr)
	return err
}

// asPart writes rows as the part of the suite that shows them.
func asPart[R any](show func([]R) page.Part) func(io.Writer, []R) error {
	return func(out io.Writer, rows []R) error {
		part := show(rows)
		return part.WriteText(out)
	}
}

// noteInterruption says why there is no more, after Ctrl-C.
func noteInterruption(ctx context.Context, stderr io.Writer) {
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "bench: interrupted; this is what was measured until then")
	}
}

// noteSkipped says what was not measured.
func noteSkipped(stderr io.Writer, skipped []string) {
	for _, s := range skipped {
		fmt.Fprintln(stderr, "bench: skipped:", s)
	}
}

// parseFlags parses a subcommand's flags: help goes to stdout, and nothing may
// follow them.
func parseFlags(f *flag.FlagSet, args []string, stdout io.Writer, help string) error {
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, help)
			f.SetOutput(stdout)
			f.PrintDefaults()
			return err
		}
		return usageErrorf("%s: %w", f.Name(), err)
	}
	if f.NArg() > 0 {
		return usageErrorf("%s: unexpected argument %q", f.Name(), f.Arg(0))
	}
	return nil
}
