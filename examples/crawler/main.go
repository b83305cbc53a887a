package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"runtime/debug"

	"myriad/examples/internal/demonet"
	"myriad/examples/internal/overlaynet"
)

// Exit codes.
const (
	exitOK = iota
	exitFailure
	exitUsage
)

// gcPercent trades memory for time: a crawl's live memory is small, and what
// it throws away is much.
const gcPercent = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	log.SetOutput(quiet{os.Stderr})
	os.Exit(run())
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

func run() int {
	if demonet.IsServer() {
		return report(demonet.Serve(os.Stdin, os.Stdout))
	}
	if overlaynet.IsServer() {
		return report(overlaynet.Serve(os.Stdin, os.Stdout))
	}
	o, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(os.Stderr, "crawler: %v\n", err)
		return exitUsage
	case o.demo() && !demonet.Inside():
		code, err := demonet.Enter()
		if err != nil {
			return report(fmt.Errorf("make namespaces for the demo: %w; run it as root, or give -interface", err))
		}
		return code
	}
	if o.Protocol == "gnutella" {
		return report(crawlGnutella(o))
	}
	return report(crawlAll(o))
}

func report(err error) int {
	if err != nil {
		fmt.Fprintf(os.Stderr, "crawler: %v\n", err)
		return exitFailure
	}
	return exitOK
}
