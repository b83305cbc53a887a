package program

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// pageWidth is how wide -h is.
const pageWidth = 100

// flagGroups are the flags in the order of -h: the program's groups, those of
// all programs, and what is in none.
func (p *Program) flagGroups() (all []Group) {
	f, rest := p.flagSet(), Group{Title: "More"}
	all = append(append(all, p.Groups...), groups...)
	f.VisitAll(func(f *flag.Flag) {
		if !slices.ContainsFunc(all, func(g Group) bool { return slices.Contains(g.Flags, f.Name) }) {
			rest.Flags = append(rest.Flags, f.Name)
		}
	})
	if len(rest.Flags) > 0 {
		all = append(all, rest)
	}
	return all
}

// describe is a flag as -h has it: with its value, and what it is for.
func describe(f *flag.Flag) (name, usage string) {
	value, usage := flag.UnquoteUsage(f)
	name = "-" + f.Name
	if value != "" {
		name += " " + value
	}
	if d := f.DefValue; d != "" && d != "0" && d != "false" && d != "0s" && !strings.HasSuffix(usage, ")") {
		usage += " (" + d + ")"
	}
	return name, usage
}

// help writes -h.
func (p *Program) help(out io.Writer) {
	fmt.Fprintf(out, "%s: %s\n\nUsage:\n", p.Name, p.Short)
	for _, line := range p.usages() {
		fmt.Fprintf(out, "  %s\n", line)
	}
	fmt.Fprintf(out, "\n%s\n", strings.TrimSpace(p.About))
	f := p.flagSet()
	for _, g := range p.flagGroups() {
		fmt.Fprintf(out, "\n%s:\n", g.Title)
		for _, name := range g.Flags {
			name, usage := describe(f.Lookup(name))
			row(out, name, usage)
		}
	}
	if len(p.Examples) > 0 {
		fmt.Fprintf(out, "\nExamples:\n")
		for _, e := range p.Examples {
			fmt.Fprintf(out, "  %s\n      %s\n", e.Line, e.Does)
		}
	}
	fmt.Fprintf(out, "\nExit codes:\n")
	for _, e := range ExitCodes {
		row(out, fmt.Sprint(e.Code), e.Meaning)
	}
}

// usages are the ways to call the program.
func (p *Program) usages() []string {
	run := p.Name + " [flags]"
	if p.Arguments != "" {
		run += " " + p.Arguments
	}
	return []string{
		run, p.Name + " schema [NAME]", p.Name + " completion bash|zsh|fish|powershell", p.Name + " man",
	}
}

// nameWidth is the column at which a usage begins.
const nameWidth = 26

// row writes a name and, beside it, what it is for.
func row(out io.Writer, name, text string) {
	lines := wrap(text, pageWidth-nameWidth)
	if len(name) > nameWidth-4 {
		fmt.Fprintf(out, "  %s\n", name)
		name = ""
	}
	for _, line := range lines {
		fmt.Fprintf(out, "  %-*s%s\n", nameWidth-2, name, line)
		name = ""
	}
}

// wrap breaks a text into lines.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
