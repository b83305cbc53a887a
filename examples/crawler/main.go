package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"os"

	"myriad/examples/internal/demonet"
	"myriad/examples/internal/overlaynet"
	"myriad/examples/internal/program"
	"myriad/examples/internal/schema"
)

func main() {
	log.SetOutput(quiet{os.Stderr})
	program.Main(newProgram(new(options)))
}

// quiet leaves out what net/http logs of servers that answer twice: in a crawl
// that is their affair, and it would be written over the progress line.
type quiet struct{ to io.Writer }

func (q quiet) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("Unsolicited response received on idle HTTP channel")) {
		return len(line), nil
	}
	return q.to.Write(line)
}

func newProgram(o *options) *program.Program {
	return &program.Program{
		Name: "crawler", Short: "crawl the web, or a Gnutella network",
		About: about, Instead: "URLs go into a file, given with -seeds",
		Options: &o.Options, Flags: o.define, Groups: groups, Words: program.Words{
			Does: "crawl from this network `device` instead of the demo",
			Rate: "new connections per second, a `number`; 0 for no limit (100; demo: no limit)",
		},
		Choices: map[string][]string{"protocol": {"web", "gnutella"}},
		Examples: []program.Example{
			{Line: "crawler", Does: "crawl the demo's web"},
			{Line: "crawler -protocol gnutella -out nodes.jsonl", Does: "take a snapshot of the demo's Gnutella network"},
			{Line: "crawler -interface eth0 -source 192.0.2.128/25 -seeds urls.txt -resolver 192.0.2.53 -contact https://example.org/crawler -out pages.jsonl -state crawl", Does: "crawl from some URLs; after Ctrl-C the same command goes on"},
		},
		Schemas: []schema.Schema{pagesSchema, nodesSchema},
		Output: func() schema.Schema {
			if o.Protocol == "gnutella" {
				return nodesSchema
			}
			return pagesSchema
		},
		Servers: []program.Server{
			{Is: demonet.IsServer, Serve: func() error { return demonet.Serve(os.Stdin, os.Stdout) }},
			{Is: overlaynet.IsServer, Serve: func() error { return overlaynet.Serve(os.Stdin, os.Stdout) }},
		},
		Check: o.check, Demo: o.demo,
		Run: func(ctx context.Context, r *program.Run) error {
			if o.Protocol == "gnutella" {
				return crawlGnutella(ctx, o, r)
			}
			return crawlAll(ctx, o, r)
		},
	}
}
