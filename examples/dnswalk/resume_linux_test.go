package main

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/demodns"
	"myriad/examples/internal/endtest"
	"myriad/examples/internal/iterate"
	"myriad/examples/internal/program"
	"myriad/internal/testbed"
)

// names counts how often each name is in a file of lines; a name in parts
// counts with its first.
func names(t *testing.T, path string) map[string]int {
	counts := map[string]int{}
	for _, text := range endtest.FileLines(t, path, namesSchema.Check) {
		var l line
		require.NoError(t, json.Unmarshal(text, &l))
		if l.Part <= 1 {
			counts[l.key()]++
		}
	}
	return counts
}

var goesOn = regexp.MustCompile(`goes on after (\d+) names`)

// TestGoesOn kills a walk, interrupts it, and has it end: no name is missing,
// and only those are repeated that came after the last checkpoint.
func TestGoesOn(t *testing.T) {
	testbed.Require(t)
	t.Parallel()
	tree := demodns.Tree{TLDs: 2, Zones: 25, Names: 250}
	folder := t.TempDir()
	path, dir := filepath.Join(folder, "out.jsonl"), filepath.Join(folder, "state")
	args := []string{"-demo-tlds", "2", "-demo-names", "250", "-rate", "4000", "-out", path, "-state", dir}

	cmd, _ := endtest.Begin(t, filepath.Join(dir, "run.json"), 0, args...)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	endtest.RequireNothingLeft(t)
	killed := len(names(t, path))
	require.NotZero(t, killed)

	cmd, stderr := endtest.Begin(t, path, 50_000, args...)
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, program.Interrupted, endtest.ExitCode(cmd.Wait()), stderr)
	kept := numberAfter(t, goesOn, stderr.String())
	require.Positive(t, kept)
	require.LessOrEqual(t, kept, killed)
	interrupted := len(names(t, path))

	_, told := endtest.Run(t, program.Finished, args...)
	counted := numberAfter(t, goesOn, told)
	// The lines that the kill left behind the checkpoint count when they have
	// come again, which some may not have so far.
	require.LessOrEqual(t, counted, interrupted)
	require.GreaterOrEqual(t, counted, interrupted-(killed-kept), "an orderly end forgets nothing")
	repeated := 0
	all := names(t, path)
	for _, n := range all {
		repeated += n - 1
	}
	require.Equal(t, killed-kept, repeated, "what came after the last checkpoint, and nothing else")
	require.Len(t, all, tree.Count())
	require.Contains(t, told, "came to what it must")
	endtest.RequireNothingLeft(t)
}

func numberAfter(t *testing.T, pattern *regexp.Regexp, text string) int {
	t.Helper()
	found := pattern.FindStringSubmatch(text)
	require.NotNil(t, found, text)
	n, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	return n
}

// TestFullDisk walks until the disk is full: the exit code says so, what is
// there is whole, and on a disk with room the same command goes on.
func TestFullDisk(t *testing.T) {
	testbed.Require(t)
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	cmd, stderr := endtest.Command(t, "-demo-names", "250", "-rate", "5000", "-out", "out.jsonl", "-state", dir)
	_, kept := endtest.SmallDisk(t, cmd, "400")
	require.Equal(t, program.WriteFailed, endtest.ExitCode(cmd.Run()), stderr)
	require.Contains(t, stderr.String(), "no space left on device")
	before := len(names(t, filepath.Join(kept, "out.jsonl")))
	require.Positive(t, before)
	_, told := endtest.Run(t, program.Finished, "-demo-names", "250", "-out", filepath.Join(kept, "out.jsonl"), "-state", dir)
	require.Positive(t, numberAfter(t, goesOn, told))
	require.Len(t, names(t, filepath.Join(kept, "out.jsonl")), demodns.Tree{TLDs: 4, Zones: 25, Names: 250}.Count())
	endtest.RequireNothingLeft(t)
}

// TestAnotherList goes on with a list that begins in another way.
func TestAnotherList(t *testing.T) {
	p := points{began: position{List: point{Count: 2}}}
	o := newOptions()
	read := func(text string) error {
		s := newSource(&p, func(iterate.Question) {})
		s.wake = func() {}
		s.run(t.Context(), func(yield func(iterate.Question) bool) error {
			return readNames(bytes.NewReader([]byte(text)), o, yield)
		})
		return s.err
	}
	require.ErrorContains(t, read("a\nb\nc\n"), "the first 2 names were others")
	require.ErrorContains(t, read("a\n"), "had at least 2 names, this one has 1")
	require.Equal(t, program.StateRefused, program.Code(read("a\n")))
	p.ahead = nil
	p.began.List = point{Count: 2, Sum: sumOf("a. 1\nb. 1\n")}
	require.NoError(t, read("a\nb\nc\n"))
}

func sumOf(text string) uint64 {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(text))
	return sum.Sum64()
}

// TestShown looks at everything that shows a run, from outside of the demo's
// namespace.
func TestShown(t *testing.T) {
	testbed.Require(t)
	t.Parallel()
	folder := t.TempDir()
	report, out := filepath.Join(folder, "report.html"), filepath.Join(folder, "out.jsonl")
	address := endtest.FreeAddress(t)
	cmd, stderr := endtest.Begin(t, out, 50_000, "-demo-names", "100", "-rate", "4000", "-out", out, "-fields", "name,part,error",
		"-metrics", address, "-report", report, "-status", "json", "-per-server", "20", "-per-server-rate", "3000")
	metrics := endtest.Metrics(t, address)
	require.Positive(t, metrics["myriad_targets_done_total"])
	require.Equal(t, 4000.0, metrics["myriad_rate_limit"])
	require.NoError(t, cmd.Wait(), stderr)

	lines := endtest.FileLines(t, out, func([]byte) error { return nil })
	status := endtest.LastStatus(t, stderr.String())
	require.Equal(t, "finished", status["end"])
	require.EqualValues(t, 100, status["percent"])
	total := 0.0
	for _, n := range status["outcomes"].(map[string]any) {
		total += n.(float64)
	}
	require.Equal(t, status["done"], total)
	seen := map[any]bool{}
	firsts := 0
	for _, line := range lines {
		var v map[string]any
		require.NoError(t, json.Unmarshal(line, &v))
		require.NotContains(t, v, "servers")
		seen[v["name"]] = true
		if part, ok := v["part"]; !ok || part == 1.0 {
			firsts++
		}
	}
	require.EqualValues(t, firsts, status["done"])
	require.Greater(t, len(seen), 5000)
	page, err := os.ReadFile(report)
	require.NoError(t, err)
	for _, part := range []string{"dnswalk", "requests at a time per server", "NXDOMAIN", "data:image/svg"} {
		require.Contains(t, string(page), part)
	}
	endtest.RequireNothingLeft(t)
}
