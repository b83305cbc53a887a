package script

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write handshake/CONFORMANCE.md")

const (
	conformanceFile = "../../handshake/CONFORMANCE.md"
	readmeFile      = "../../README.md"
	rowsCount       = 57
)

// TestConformanceTableIsTrue makes the table anew; `go test ./internal/script
// -update` writes it.
func TestConformanceTableIsTrue(t *testing.T) {
	table := conformance(t)
	if *update {
		require.NoError(t, os.WriteFile(conformanceFile, []byte(table), 0o644))
	}
	have, err := os.ReadFile(conformanceFile)
	require.NoError(t, err)
	if string(have) != table {
		t.Fatal("handshake/CONFORMANCE.md is out of date; run: go test ./internal/script -run Conformance -update")
	}
}

// TestDeviationsAreInTheREADME: no row is left out in silence, and nothing in
// the table is told of no row.
func TestDeviationsAreInTheREADME(t *testing.T) {
	readme, err := os.ReadFile(readmeFile)
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(readme), "\n## Deviations\n")
	require.True(t, ok)
	section, _, _ = strings.Cut(section, "\n## ")
	named := []string{"IP source routing"} // M51 to M53, which have no row
	for _, r := range rows {
		require.Equal(t, r.status == done, r.deviation == "", "row %d", r.number)
		for _, d := range strings.Split(r.deviation, "; ") {
			require.Contains(t, section, "\n| "+d, "row %d", r.number)
			named = append(named, d)
		}
	}
	named = slices.DeleteFunc(named, func(d string) bool { return d == "" })
	for _, line := range strings.Split(section, "\n| ")[2:] { // after the heading
		require.True(t, slices.ContainsFunc(named, func(d string) bool { return strings.HasPrefix(line, d) }), line)
	}
}

func conformance(t *testing.T) string {
	tests := rowTests(t)
	var b strings.Builder
	b.WriteString("# Conformance\n\nMade by `go test ./internal/script -update`, and kept true by the same test; do not edit. Each row is a rule that binds a TCP that only opens connections; its tests are packet scripts (`internal/script/testdata`) with explicit times, run against the real client over a link in memory, plainly and with sequence numbers and clocks that wrap around at 2³² and 2³¹. M-n and SHLD-n are the requirement numbers of RFC 9293. Reasons for deviations are in the README.\n\n")
	b.WriteString("| row | source | rule | test in internal/script | scripts | status |\n|---|---|---|---|---|---|\n")
	total := 0
	require.Len(t, rows, rowsCount)
	for k, r := range rows {
		require.Equal(t, k+1, r.number)
		require.NotEmpty(t, tests[r.number], "row %d has no test", r.number)
		count := len(scripts(t, fmt.Sprintf("rfc%02d_*", r.number)))
		total += count
		played := strconv.Itoa(count)
		if count == 0 {
			played = "in Go" // where a script has no words for it
		}
		text := string(r.status)
		if r.deviation != "" {
			text += ": " + r.deviation
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s |\n", r.number, r.source, r.rule, strings.Join(tests[r.number], ", "), played, text)
	}
	fmt.Fprintf(&b, "\n%d scripts for the rows, and %d beyond them:\n\n| area | scripts |\n|---|---|\n", total, len(scripts(t, "*"))-total)
	for _, a := range areas(t) {
		fmt.Fprintf(&b, "| %s | %d |\n", a.name, a.count)
	}
	b.WriteString("\nNot applicable to a client: M11, M41, M42, M57, M63 (passive open). Source routing, M51 to M53, is a deviation.\n\n## Documents\n\nThose that RFC 7414 lists as core, strongly encouraged or experimental, and what came after it.\n\n| document | here |\n|---|---|\n")
	for _, d := range documents {
		fmt.Fprintf(&b, "| %s | %s |\n", d.name, d.verdict)
	}
	return b.String()
}

// rowTests are the tests of this package by the row in their names.
func rowTests(t *testing.T) map[int][]string {
	tests := map[int][]string{}
	name := regexp.MustCompile(`^TestRFC(\d\d)_\w+$`)
	for _, file := range []string{"rfc_test.go", "rfc_world_test.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				if m := name.FindStringSubmatch(f.Name.Name); m != nil {
					row, _ := strconv.Atoi(m[1])
					tests[row] = append(tests[row], f.Name.Name)
				}
			}
		}
	}
	return tests
}

type area struct {
	name  string
	count int
}

// areas are the first words of the other scripts' names.
func areas(t *testing.T) (list []area) {
	for _, file := range scripts(t, "*") { // in alphabetical order
		name, _, _ := strings.Cut(scriptName(file), "_")
		if strings.HasPrefix(name, "rfc") {
			continue
		}
		if len(list) == 0 || list[len(list)-1].name != name {
			list = append(list, area{name: name})
		}
		list[len(list)-1].count++
	}
	return list
}
