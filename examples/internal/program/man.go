package program

import (
	"fmt"
	"io"
	"strings"
)

// man writes the man page, in the macros that every man has.
func (p *Program) man(out io.Writer) {
	fmt.Fprintf(out, ".TH %s 1 \"\" Myriad \"Myriad\"\n", strings.ToUpper(p.Name))
	section(out, "NAME")
	fmt.Fprintf(out, "%s \\- %s\n", p.Name, roff(p.Short))
	section(out, "SYNOPSIS")
	for k, line := range p.usages() {
		if k > 0 {
			fmt.Fprintln(out, ".br")
		}
		fmt.Fprintf(out, ".B %s\n", roff(line))
	}
	section(out, "DESCRIPTION")
	paragraphs(out, p.About)
	section(out, "OPTIONS")
	f := p.flagSet()
	for _, g := range p.flagGroups() {
		fmt.Fprintf(out, ".SS %s\n", roff(g.Title))
		for _, name := range g.Flags {
			name, usage := describe(f.Lookup(name))
			flag, value, _ := strings.Cut(name, " ")
			fmt.Fprintf(out, ".TP\n\\fB%s\\fR \\fI%s\\fR\n%s\n", roff(flag), roff(value), roff(usage))
		}
	}
	p.manSchemas(out)
	section(out, "EXIT STATUS")
	for _, e := range ExitCodes {
		fmt.Fprintf(out, ".TP\n.B %d\n%s\n", e.Code, roff(e.Meaning))
	}
	section(out, "ENVIRONMENT")
	fmt.Fprintf(out, ".TP\n.B NO_COLOR\nWhen it is set and not empty, messages have no colour.\n")
	fmt.Fprintf(out, ".TP\n.B MYRIAD_TRACE\nA directory for a trace and a capture of every connection.\n")
	if len(p.Examples) > 0 {
		section(out, "EXAMPLES")
		for _, e := range p.Examples {
			fmt.Fprintf(out, ".TP\n.B %s\n%s\n", roff(e.Line), roff(e.Does))
		}
	}
}

// manSchemas has the fields of what is written.
func (p *Program) manSchemas(out io.Writer) {
	section(out, "OUTPUT")
	for _, s := range p.schemas() {
		fmt.Fprintf(out, ".SS %s\n%s\n", roff(s.ID()), roff(s.Doc))
		for _, f := range s.Fields {
			doc := f.Doc
			if f.Words != nil {
				doc += ": one of " + strings.Join(f.Words, ", ")
			}
			fmt.Fprintf(out, ".TP\n\\fB%s\\fR (%s)\n%s\n", roff(f.Name), f.Type, roff(doc))
		}
	}
}

func section(out io.Writer, title string) { fmt.Fprintf(out, ".SH %s\n", title) }

func paragraphs(out io.Writer, text string) {
	for k, p := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if k > 0 {
			fmt.Fprintln(out, ".PP")
		}
		fmt.Fprintln(out, roff(strings.Join(strings.Fields(p), " ")))
	}
}

// roff makes a text stand for itself.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
