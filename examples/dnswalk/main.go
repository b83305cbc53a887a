package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/debug"

	"myriad/examples/internal/demodns"
	"myriad/examples/internal/demonet"
)

// Exit codes.
const (
	exitOK = iota
	exitFailure
	exitUsage
)

// gcPercent trades memory for time: what lives is small.
const gcPercent = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(run())
}

func run() int {
	if demodns.IsServer() {
		return report(demodns.ServeForever())
	}
	o, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(os.Stderr, "dnswalk: %v\n", err)
		return exitUsage
	case o.demo() && !demonet.Inside():
		code, err := demonet.Enter()
		if err != nil {
			return report(fmt.Errorf("make namespaces for the demo: %w; run it as root, or give -interface", err))
		}
		return code
	}
	return report(walk(o))
}

func report(err error) int {
	if err != nil {
		fmt.Fprintf(os.Stderr, "dnswalk: %v\n", err)
		return exitFailure
	}
	return exitOK
}
