package program

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
)

// Trace is the level of what -v -v tells beside -v: of each target.
const Trace = slog.LevelDebug - 4

// verbosity is the value of -v, which may be given twice.
type verbosity int

const verbosityMost = 2

// String is how often it was given.
func (v *verbosity) String() string { return strconv.Itoa(int(*v)) }

// IsBoolFlag: it needs no value.
func (v *verbosity) IsBoolFlag() bool { return true }

// Set counts, or takes a number.
func (v *verbosity) Set(text string) error {
	switch n, err := strconv.Atoi(text); {
	case text == "true":
		*v = min(*v+1, verbosityMost)
	case text == "false":
		*v = 0
	case err != nil || n < 0 || n > verbosityMost:
		return fmt.Errorf("give -v, -v -v, or a number from 0 to %d", verbosityMost)
	default:
		*v = verbosity(n)
	}
	return nil
}

// level is that of the messages which the options ask for.
func (o *Options) level() slog.Level {
	switch {
	case o.Quiet:
		return slog.LevelWarn
	case o.Verbose == 1:
		return slog.LevelDebug
	case o.Verbose > 1:
		return Trace
	}
	return slog.LevelInfo
}

// Detailed reports whether -v was given, and Targets whether each target is to
// be told of: -v -v. Whoever is on a hot path asks once, before.
func (r *Run) Detailed() bool { return r.Log.Enabled(context.Background(), slog.LevelDebug) }

// Targets: see Detailed.
func (r *Run) Targets() bool { return r.Log.Enabled(context.Background(), Trace) }

// Missed tells of a target without a result, with -v -v.
func (r *Run) Missed(target, why string, attempts int) {
	r.Log.LogAttrs(context.Background(), Trace, "no result",
		slog.String("target", target), slog.String("why", why), slog.Int("attempts", attempts))
}
