package main

import (
	"context"

	"myriad/examples/internal/demodns"
	"myriad/examples/internal/program"
	"myriad/examples/internal/schema"
)

func main() { program.Main(newProgram(newOptions())) }

func newProgram(o *options) *program.Program {
	return &program.Program{
		Name: "dnswalk", Short: "resolve lists of DNS names from the root servers downwards",
		About: about, Instead: "names go into a file, given with -names, or to standard input",
		Options: &o.Options, Flags: o.define, Groups: groups, Words: program.Words{
			Does: "resolve through this network `device` instead of the demo",
			Rate: "requests per second, a `number`; 0 for no limit (1000; demo: no limit)",
		},
		Examples: []program.Example{
			{Line: "dnswalk -out names.jsonl -rtt servers.jsonl", Does: "walk the demo's DNS"},
			{Line: "dnswalk -interface eth0 -source 192.0.2.128/25 -names list.txt -out names.jsonl -state walk", Does: "resolve a list; after Ctrl-C the same command goes on"},
		},
		Schemas: []schema.Schema{namesSchema, serversSchema},
		Servers: []program.Server{{Is: demodns.IsServer, Serve: demodns.ServeForever}},
		Check:   o.check, Demo: o.demo,
		Run: func(ctx context.Context, r *program.Run) error { return walk(ctx, o, r) },
	}
}
