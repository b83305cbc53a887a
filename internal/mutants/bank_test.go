package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write BUGS.md")

const (
	root      = "../.."
	bugsCount = 40
	rulesMax  = 57 // rows of handshake/CONFORMANCE.md
)

func mutants(t *testing.T) (bank, rules []*mutant) {
	t.Helper()
	bank, err := parse("bank.txt", bankText)
	require.NoError(t, err)
	rules, err = parse("rules.txt", rulesText)
	require.NoError(t, err)
	return bank, rules
}

// TestEveryMutantApplies: one whose lines are gone from the code would prove
// nothing. Whoever changes the code moves the mutant along with it.
func TestEveryMutantApplies(t *testing.T) {
	bank, rules := mutants(t)
	for _, m := range append(bank, rules...) {
		files, err := m.mutated(root)
		if err != nil {
			t.Error(err) // the others too
			continue
		}
		for path, text := range files {
			before, err := os.ReadFile(filepath.Join(root, path))
			require.NoError(t, err)
			require.NotEqual(t, string(before), text, "%s changes nothing", m.row)
			require.False(t, strings.HasSuffix(path, "_test.go"), "%s changes a test", m.row)
		}
	}
}

// TestEveryBugHasItsMutant, in order, and both controls are there.
func TestEveryBugHasItsMutant(t *testing.T) {
	bank, _ := mutants(t)
	require.Len(t, bank, bugsCount+2)
	for k, m := range bank[:bugsCount] {
		require.Equal(t, fmt.Sprintf("bug %d", k+1), m.row)
	}
	require.Equal(t, "canary", bank[bugsCount].row)
	require.True(t, bank[bugsCount+1].harmless())
}

// unbroken are the rows that rules.txt leaves out.
var unbroken = map[int]string{
	18: "a deviation: there is no Fast Open to break",
	53: "a deviation: there is no path MTU probing to break",
}

// TestEveryRuleIsBroken, row by row in order, but for those that cannot be.
func TestEveryRuleIsBroken(t *testing.T) {
	_, rules := mutants(t)
	last, broken := 0, map[int]bool{}
	for _, m := range rules {
		number, ok := strings.CutPrefix(m.row, "rule ")
		require.True(t, ok, m.row)
		row, err := strconv.Atoi(number)
		require.NoError(t, err)
		require.True(t, row >= last && row <= rulesMax, "%s is out of order", m.row)
		last, broken[row] = row, true
	}
	for row := 1; row <= rulesMax; row++ {
		require.Equal(t, unbroken[row] == "", broken[row], "rule %d", row)
	}
}

// TestTableIsTrue makes the table anew; `go test ./internal/mutants -update`
// writes it.
func TestTableIsTrue(t *testing.T) {
	want := table(mutants(t))
	if *update {
		require.NoError(t, os.WriteFile("BUGS.md", []byte(want), 0o644))
	}
	have, err := os.ReadFile("BUGS.md")
	require.NoError(t, err)
	if string(have) != want {
		t.Fatal("internal/mutants/BUGS.md is out of date; run: go test ./internal/mutants -update")
	}
}

func TestParseNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"bug 1: a\nmutant: b":                            "bug 1 lacks its story, mutant, test or file",
		"bug 1: a\nmutant: b\ntest: ./x":                 `x:3: test "./x" is no package and name`,
		"# c\nbug 1: a\n-gone":                           "x:3: an edit before its file",
		"bug 1: a\nwhat: b":                              `x:2: unknown line "what: b"`,
		"bug 1\nmutant: b\ntest: ./x T\nfile: f\n-a\n+b": "bug 1 lacks its story",
	} {
		_, err := parse("x", text)
		require.ErrorContains(t, err, want)
	}
}

func TestEditMustBeFoundOnce(t *testing.T) {
	e := edit{file: "f.go", old: []string{"b"}, new: []string{"x", "y"}}
	text, err := e.apply("a\nb\nc")
	require.NoError(t, err)
	require.Equal(t, "a\nx\ny\nc", text)
	text, err = e.apply("a\n\t\tb \nc")
	require.NoError(t, err, "blanks are gofmt's")
	require.Equal(t, "a\nx\ny\nc", text)
	_, err = e.apply("a\nbb\nc")
	require.ErrorContains(t, err, "not there any more")
	_, err = e.apply("b\nb")
	require.ErrorContains(t, err, "twice")
	_, err = (&edit{file: "f.go", new: []string{"x"}}).apply("b")
	require.Error(t, err)
}

// TestOnlyAFailureKills: what does not compile, and a test that is not there,
// are no kills; a panic anywhere is.
func TestOnlyAFailureKills(t *testing.T) {
	change := func(test string, new ...string) *mutant {
		return &mutant{row: "bug 0", tests: []target{{run{pkg: "./timers"}, test}}, edits: []edit{{
			file: "timers/rto.go", old: []string{"func (r *RTO) Backoffs() int { return int(r.backoff) }"}, new: new,
		}}}
	}
	at, err := filepath.Abs(root)
	require.NoError(t, err)
	const test = "TestRTOSampleEndsBackoff"
	require.NoError(t, change(test, "func (r *RTO) Backoffs() int { return 7 }").judge(at))
	require.NoError(t, change(test, `func (r *RTO) Backoffs() int { done := make(chan int); go func() { panic("elsewhere") }(); return <-done }`).judge(at))
	require.ErrorIs(t, change(test, `func (r *RTO) Backoffs() int { return "7" }`).judge(at), errBuild)
	require.ErrorContains(t, change(test, "func (r *RTO) Backoffs() int { return 0 + int(r.backoff) }").judge(at), "survives")
	require.ErrorContains(t, change("TestThatIsNotThere", "func (r *RTO) Backoffs() int { return 7 }").judge(at), "survives")
	require.ErrorContains(t, unmutated(at, []*mutant{change("TestThatIsNotThere")}), "is not there")
}
