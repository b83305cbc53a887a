package program

import (
	"flag"
	"net"

	"github.com/spf13/cobra"
)

// command is the program as cobra sees it, for completion alone: a run parses
// its flags by itself.
func (p *Program) command() *cobra.Command {
	c := &cobra.Command{
		Use: p.Name, Short: p.Short, SilenceErrors: true, SilenceUsage: true,
		Args: cobra.ArbitraryArgs, Run: func(*cobra.Command, []string) {},
	}
	p.flagSet().VisitAll(func(f *flag.Flag) {
		_, usage := describe(f)
		g := *f
		g.Usage = usage
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		fs.Var(g.Value, g.Name, g.Usage)
		c.Flags().AddGoFlagSet(fs)
	})
	p.describeValues(c)
	names := make([]string, 0, len(p.schemas()))
	for _, s := range p.schemas() {
		names = append(names, s.Name)
	}
	nothing := func(*cobra.Command, []string) {}
	c.AddCommand(
		&cobra.Command{Use: "schema", Short: "print the JSON Schema of what it writes", ValidArgs: names, Run: nothing},
		&cobra.Command{Use: "man", Short: "print the man page", Run: nothing})
	return c
}

// describeValues says what the flags take.
func (p *Program) describeValues(c *cobra.Command) {
	choose := func(name string, values ...string) {
		_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	choose("backend", backends...)
	choose("status", "json")
	var fields []string
	for _, f := range p.Schemas[0].Fields {
		fields = append(fields, f.Name)
	}
	choose("fields", fields...)
	for name, values := range p.Choices {
		choose(name, values...)
	}
	_ = c.RegisterFlagCompletionFunc("interface", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		devices, _ := net.Interfaces()
		for _, d := range devices {
			names = append(names, d.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	_ = c.MarkFlagDirname("state")
}
