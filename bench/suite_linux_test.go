package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/page"
	"myriad/bench/internal/transfer"
	"myriad/bench/internal/usage"
	"myriad/internal/testbed"
)

// A part alone, quick, with everything written.
func TestSuiteWritesAPage(t *testing.T) {
	testbed.Require(t)
	out := t.TempDir()
	code, stdout, stderr := bench(t.Context(), "-quick", "-only", "hold", "-json", "-out", out)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, filepath.Join(out, page.FileName))
	written, err := os.ReadFile(filepath.Join(out, "rows.jsonl"))
	require.NoError(t, err)
	require.Equal(t, stdout, string(written))
	require.Equal(t, 7, strings.Count(stdout, `{"part":"hold","method":"hold-`))
	html, err := os.ReadFile(filepath.Join(out, page.FileName))
	require.NoError(t, err)
	require.Contains(t, string(html), "64,512")
	for _, name := range []string{"hold-memory.svg", "hold-open.svg"} {
		require.FileExists(t, filepath.Join(out, name))
	}
}

// withParts replaces the suite's parts for a test.
func withParts(t *testing.T, parts ...suitePart) {
	before := suiteParts
	suiteParts = parts
	t.Cleanup(func() { suiteParts = before })
}

// A part that fails is listed with the reason, and the others are measured.
func TestSuiteGoesOnAfterAFailure(t *testing.T) {
	withParts(t,
		suitePart{"bad", "Bad", func(context.Context, bool, func(any) error) (page.Part, error) {
			return page.Part{}, errors.Join(errors.New("no luck"), errors.New("at all"))
		}},
		suitePart{"good", "Good", func(_ context.Context, quick bool, emit func(any) error) (page.Part, error) {
			require.True(t, quick)
			return page.Part{Columns: []string{"", "n"}, Rows: [][]string{{"good", "42"}}}, emit(map[string]int{"n": 42})
		}})
	code, stdout, stderr := bench(t.Context(), "-quick")
	require.Equal(t, exitFailure, code)
	require.Contains(t, stdout, "bad: skipped: no luck")
	require.Contains(t, stdout, "42")
	require.Equal(t, "bench: no luck; at all\n", stderr)

	code, stdout, _ = bench(t.Context(), "-quick", "-json", "-only", "good")
	require.Equal(t, exitOK, code)
	require.Equal(t, "{\"part\":\"good\",\"n\":42}\n", stdout)
}

// Ctrl-C ends the suite after the part under way, and what there is is written.
func TestSuiteInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	part := func(context.Context, bool, func(any) error) (page.Part, error) {
		cancel()
		return page.Part{Columns: []string{"", "n"}, Rows: [][]string{{"x", "1"}}}, nil
	}
	withParts(t, suitePart{"first", "First", part}, suitePart{"second", "Second", part})
	out := t.TempDir()
	code, stdout, stderr := bench(ctx, "-out", out)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, "interrupted")
	require.Contains(t, stdout, "== first")
	require.NotContains(t, stdout, "== second")
	require.FileExists(t, filepath.Join(out, page.FileName))
}

// When its time is over, what there is is written, and the rest is listed.
func TestSuiteKeepsWithinItsTime(t *testing.T) {
	long := func(ctx context.Context, _ bool, _ func(any) error) (page.Part, error) {
		<-ctx.Done()
		return page.Part{Columns: []string{"", "n"}, Rows: [][]string{{"x", "1"}}}, nil
	}
	begun := false
	withParts(t, suitePart{"long", "Long", long}, suitePart{"next", "Next", func(ctx context.Context, _ bool, _ func(any) error) (page.Part, error) {
		begun = true
		<-ctx.Done()
		return page.Part{}, nil
	}})
	out := t.TempDir()
	stdout := longer(t, 2*time.Second, func(within string) []string {
		code, stdout, stderr := bench(t.Context(), "-within", within, "-out", out)
		require.Equal(t, exitOK, code, stderr)
		return []string{stdout}
	}, func(string) bool { return !begun })[0] // the next part has the other half
	require.Regexp(t, "ended early: its share of the [0-9]+s of -within was over", stdout)
	require.Regexp(t, "next: skipped: its share of the [0-9]+s of -within was too short", stdout)
	html, err := os.ReadFile(filepath.Join(out, page.FileName))
	require.NoError(t, err)
	require.Contains(t, string(html), "was too short")
	code, _, stderr := bench(t.Context(), "-within", "-1s")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "-within -1s is below 0")
}

func TestWhatDisturbsIsSaid(t *testing.T) {
	at := time.Now()
	before := watched{at: at, cores: make([]usage.Core, 2)}
	after := watched{at: at.Add(time.Second), ours: usage.CPU{User: time.Second / 2}, cores: []usage.Core{
		{User: time.Second / 2, Idle: time.Second / 2}, {Idle: time.Second},
	}}
	require.Empty(t, after.disturbance(before))
	after.cores[1] = usage.Core{User: time.Second / 2, Steal: time.Second / 4}
	require.Equal(t, []string{
		"disturbed: the host took 12 % of the processors for others (steal)", "disturbed: other programs had 25 % of the processors",
	}, after.disturbance(before))
}

func TestSuiteSaysThatItCannotWrite(t *testing.T) {
	withParts(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	code, _, stderr := bench(t.Context(), "-out", file)
	require.Equal(t, exitFailure, code)
	require.Contains(t, stderr, file)
}

// The parts are made of the subcommands' own flags, which must be right.
func TestSuitePartsParse(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, s := range suiteParts {
		for _, quick := range []bool{false, true} {
			_, err := s.run(ctx, quick, func(any) error { return nil })
			if err != nil {
				require.NotErrorAs(t, err, new(usageError), s.name)
				require.ErrorIs(t, err, errNotRoot, s.name)
			}
		}
	}
	_, err := parseSuite([]string{"-only", "hold,connect"}, io.Discard)
	require.NoError(t, err)
}

func TestTransferPartChartsTheRealPathsOnly(t *testing.T) {
	part := transferPart([]transfer.Result{
		{Client: "kernel", Direction: transfer.Download, Congestion: "bbr", MbitPerSecond: 10, LossPercent: 1},
		{Client: "myriad", Direction: transfer.Download, MbitPerSecond: 20, LinkShare: 0.8},
	})
	require.Len(t, part.Rows, 2)
	require.Len(t, part.Charts, 1)
	require.Len(t, part.Charts[0].Bars, 1)
}

// requireCore skips a test of what cannot be measured on one processor.
func requireCore(t testing.TB) {
	t.Helper()
	if err := needCore("far end"); err != nil {
		t.Skip(err)
	}
}

// What needs a second processor says so, and what can be done.
func TestSuiteSaysThatAProcessorIsMissing(t *testing.T) {
	if runtime.NumCPU() > 1 {
		require.NoError(t, needCore("generator"))
		return
	}
	require.ErrorContains(t, needCore("generator"), "the generator needs a processor of its own, and this process may use 1: give it two")
}

// What a run did not come to is listed.
func TestSuiteListsWhatItDidNotComeTo(t *testing.T) {
	jobs := []sendRow{{Table: "rate"}, {Table: "rate"}, {Table: "batch"}, {Table: "stack"}, {Table: "batch"}}
	table := func(r *sendRow) string { return r.Table }
	require.Equal(t, []string{"skipped, rows that it did not come to: rate (1), batch (2), stack (1)"}, notMeasured(jobs, 1, table))
	require.Empty(t, notMeasured(jobs, len(jobs), table))
}
