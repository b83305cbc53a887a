package main

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
)

//go:embed bank.txt
var bankText string

//go:embed rules.txt
var rulesText string

// mutant is one deliberate bug.
type mutant struct {
	row    string // "bug 10", "rule 14", "canary", "harmless"
	story  string // what happened elsewhere, or the rule
	change string // what the edits make of our code
	tests  []target
	edits  []edit
}

// target is a test that must notice.
type target struct {
	run
	name string // with its subtest
}

// edit replaces lines of a file, which must be found there once.
type edit struct {
	file     string // from the module's root
	old, new []string
}

// harmless reports whether the mutant is the one that no test may notice.
func (m *mutant) harmless() bool { return m.row == "harmless" }

// parse reads mutants as doc.go describes them.
func parse(name, text string) (list []*mutant, err error) {
	var m *mutant
	for k, line := range strings.Split(text, "\n") {
		switch {
		case line == "":
			m = nil
			continue
		case strings.HasPrefix(line, "#"):
			continue
		case m == nil:
			m = &mutant{}
			list = append(list, m)
			m.row, m.story, _ = strings.Cut(line, ": ")
			continue
		}
		if err := m.add(line); err != nil {
			return nil, fmt.Errorf("mutants: %s:%d: %w", name, k+1, err)
		}
	}
	for _, m := range list {
		if m.story == "" || m.change == "" || len(m.tests) == 0 || len(m.edits) == 0 {
			return nil, fmt.Errorf("mutants: %s: %s lacks its story, mutant, test or file", name, m.row)
		}
	}
	return list, nil
}

// add takes a line of a record after the first.
func (m *mutant) add(line string) error {
	if line[0] == '-' || line[0] == '+' {
		return m.addLine(line[0] == '-', line[1:])
	}
	key, value, _ := strings.Cut(line, ": ")
	switch key {
	case "mutant":
		m.change = value
	case "test":
		pkg, name, ok := strings.Cut(value, " ")
		if !ok {
			return fmt.Errorf("test %q is no package and name", value)
		}
		name, args, _ := strings.Cut(name, " ")
		m.tests = append(m.tests, target{run{pkg, args}, name})
	case "file":
		m.edits = append(m.edits, edit{file: value})
	default:
		return fmt.Errorf("unknown line %q", line)
	}
	return nil
}

func (m *mutant) addLine(out bool, text string) error {
	if len(m.edits) == 0 {
		return errors.New("an edit before its file")
	}
	e := &m.edits[len(m.edits)-1]
	switch {
	case out && len(e.new) > 0: // another edit of the same file
		m.edits = append(m.edits, edit{file: e.file, old: []string{text}})
	case out:
		e.old = append(e.old, text)
	default:
		e.new = append(e.new, text)
	}
	return nil
}

// same compares lines but for their blanks: gofmt moves those about.
func same(a, b string) bool {
	return slices.Equal(strings.Fields(a), strings.Fields(b))
}

// apply makes the edit in a file's text.
func (e *edit) apply(text string) (string, error) {
	lines := strings.Split(text, "\n")
	found := -1
	for k := range lines {
		if len(lines)-k < len(e.old) || !slices.EqualFunc(lines[k:k+len(e.old)], e.old, same) {
			continue
		}
		if found >= 0 {
			return "", fmt.Errorf("%s: the lines that begin with %q are there twice", e.file, e.old[0])
		}
		found = k
	}
	if found < 0 || len(e.old) == 0 {
		return "", fmt.Errorf("%s: lines %q are not there any more: the mutant must follow the code", e.file, e.old)
	}
	return strings.Join(slices.Replace(lines, found, found+len(e.old), e.new...), "\n"), nil
}
