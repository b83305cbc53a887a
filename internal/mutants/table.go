package main

import (
	"fmt"
	"strings"
)

// table is BUGS.md.
func table(bank, rules []*mutant) string {
	var b strings.Builder
	b.WriteString("# Bugs that our tests find\n\nMade by `go test ./internal/mutants -update` of `bank.txt` and `rules.txt`, and kept true by the same test; do not edit. Each row is a bug put into our code on purpose; `go run ./internal/mutants` shows that the test it names notices.\n\n")
	b.WriteString("## Bugs of other stacks\n\nAll of them are run by `.ci/run`, with two controls: a canary that the tests of the stack, the scripts and the simulation each have to find, and a change that none may notice.\n\n")
	rows(&b, "bug", bank)
	b.WriteString("\n## Rules of the RFCs\n\nRows of `handshake/CONFORMANCE.md` that are broken here, beyond those that the bugs above break. Run on demand: `go run ./internal/mutants -rules`.\n\n")
	rows(&b, "rule", rules)
	return b.String()
}

func rows(b *strings.Builder, title string, list []*mutant) {
	fmt.Fprintf(b, "| row | %s | mutant | test that fails |\n|---|---|---|---|\n", title)
	for _, m := range list {
		var tests []string
		for _, t := range m.tests {
			tests = append(tests, fmt.Sprintf("`%s` %s", strings.TrimPrefix(t.pkg, "./"), t.name))
		}
		row := strings.TrimPrefix(strings.TrimPrefix(m.row, "bug "), "rule ")
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", row, m.story, m.change, strings.Join(tests, ", "))
	}
}
