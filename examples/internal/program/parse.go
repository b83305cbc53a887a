package program

import (
	"flag"
	"fmt"
	"io"
)

// flagSet has all flags.
func (p *Program) flagSet() *flag.FlagSet {
	f := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	p.Options.define(f, p.Words)
	if p.Flags != nil {
		p.Flags(f)
	}
	return f
}

// Parse reads and checks the command line. Errors name the flag, its value and what to do.
func (p *Program) Parse(args []string) error {
	f := p.flagSet()
	var arguments []string
	for {
		if err := f.Parse(args); err != nil {
			return fmt.Errorf("%w; see %s -h", err, p.Name)
		}
		rest := f.Args()
		if len(rest) == 0 {
			break
		}
		if at := len(args) - len(rest) - 1; at >= 0 && args[at] == "--" {
			arguments = append(arguments, rest...)
			break
		}
		arguments = append(arguments, rest[0]) // flags may follow
		args = rest[1:]
	}
	if p.Arguments == "" && len(arguments) > 0 {
		return fmt.Errorf("unexpected argument %q: %s", arguments[0], p.Instead)
	}
	p.parsed = f
	given := Given{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if err := p.Options.check(p); err != nil {
		return err
	}
	return p.Check(given, arguments)
}
