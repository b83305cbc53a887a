package program

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"myriad/examples/internal/monitor"
	"myriad/examples/internal/schema"
)

// assist does what is no run: -h and the sub-commands. done is false when the
// command line asks for none of them.
func (p *Program) assist(args []string, out io.Writer) (done bool, err error) {
	if asksForHelp(args) {
		p.help(out)
		return true, nil
	}
	if len(args) == 0 {
		return false, nil
	}
	switch args[0] {
	case "schema":
		return true, Fail(UsageWrong, p.printSchema(args[1:], out))
	case "man":
		if len(args) > 1 {
			return true, Fail(UsageWrong, fmt.Errorf("unexpected argument %q: give man alone", args[1]))
		}
		p.man(out)
		return true, nil
	case "completion", "__complete", "__completeNoDesc":
		return true, Fail(UsageWrong, p.complete(args, out))
	}
	return false, nil
}

// asksForHelp reports whether there is a -h before a --.
func asksForHelp(args []string) bool {
	if len(args) > 0 && args[0] == "help" {
		return true
	}
	for k, a := range args {
		switch a {
		case "--":
			return false
		case "-h", "-help", "--help":
			return k == 0 || !strings.HasPrefix(args[0], "__")
		}
	}
	return false
}

// output is the schema of -out.
func (p *Program) output() *schema.Schema {
	if p.Output == nil {
		return &p.Schemas[0]
	}
	s := p.Output()
	return &s
}

// schemas are the program's and those of all programs.
func (p *Program) schemas() []schema.Schema {
	return append(p.Schemas[:len(p.Schemas):len(p.Schemas)], monitor.Status)
}

// printSchema prints the schema of the output, or of what is named.
func (p *Program) printSchema(args []string, out io.Writer) error {
	if len(args) > 1 {
		return fmt.Errorf("unexpected argument %q: give the name of one schema", args[1])
	}
	var names []string
	for _, s := range p.schemas() {
		if len(args) == 0 || args[0] == s.Name {
			_, err := s.WriteTo(out)
			return err
		}
		names = append(names, s.Name)
	}
	return fmt.Errorf("schema %q: there are %s", args[0], strings.Join(names, ", "))
}

// complete has cobra write completion scripts, and answer what they ask.
func (p *Program) complete(args []string, out io.Writer) error {
	if args[0] == "completion" && (len(args) != 2 || !isShell(args[1])) {
		return errors.New("completion: give bash, zsh, fish or powershell")
	}
	single := false
	if strings.HasPrefix(args[0], "__") {
		args, single = doubled(args)
	}
	var answer bytes.Buffer
	c := p.command()
	c.SetArgs(args)
	c.SetOut(&answer)
	c.SetErr(io.Discard)
	if err := c.Execute(); err != nil {
		return err
	}
	for line := range bytes.Lines(answer.Bytes()) {
		if single && bytes.HasPrefix(line, []byte("--")) {
			line = line[1:]
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return nil
}

func isShell(name string) bool {
	switch name {
	case "bash", "zsh", "fish", "powershell":
		return true
	}
	return false
}

// doubled gives flags of one dash the two that cobra knows; single reports
// whether the word to be completed had one.
func doubled(args []string) (with []string, single bool) {
	for k, a := range args {
		if len(a) > 2 && a[0] == '-' && a[1] != '-' {
			a, single = "-"+a, k == len(args)-1
		} else if k == len(args)-1 && a == "-" {
			a, single = "--", true
		}
		with = append(with, a)
	}
	return with, single
}
