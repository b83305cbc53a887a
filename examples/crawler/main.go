package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"myriad/examples/internal/demonet"
)

// Exit codes.
const (
	exitOK = iota
	exitFailure
	exitUsage
)

func main() { os.Exit(run()) }

func run() int {
	if demonet.IsServer() {
		return report(demonet.Serve(os.Stdin, os.Stdout))
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
	return report(crawlAll(o))
}

func report(err error) int {
	if err != nil {
		fmt.Fprintf(os.Stderr, "crawler: %v\n", err)
		return exitFailure
	}
	return exitOK
}
