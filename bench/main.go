// Command bench measures Myriad. Each subcommand measures one thing, and bench
// without one measures everything; see README.md for how to read what they
// print.
//
// Exit codes: 0 when it was measured (also when Ctrl-C cut it short), 1 when
// it could not be, 2 when it was asked for in a way that cannot be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"myriad/bench/internal/kernel"
	"myriad/bench/internal/netstack"
	"myriad/bench/internal/transact"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// command is a subcommand.
type command struct {
	name, summary string
	run           func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

var commands = []command{
	{"connect", "connections per second, and memory per connection, of tcpclient", connectCommand},
	{"hold", "connections open at once: memory, cost of Open, traffic while they are held", holdCommand},
	{"transfer", "throughput of one connection, down and up, beside the kernel's, with and without loss", transferCommand},
	{"transact", "requests and replies on open connections, plain and over TLS, beside the kernel's", transactCommand},
	{"send", "raw frames sent per second, by method, size, batch and firewall", sendCommand},
	{"receive", "frames received per second, bursts and imbalance, with drops told apart", receiveCommand},
	{"latency", "frame in to frame out, by batch, load and polling", latencyCommand},
	{"cpu", "processor time at fixed rates of connections and frames, beside epoll's", cpuCommand},
	{"stack", "our own code alone, in memory: nanoseconds a connection, and where", stackCommand},
	{"scan", "SYNs per second of examples/scan, beside what send reaches", scanCommand},
	{"dns", "names per second of examples/dnswalk against an XDP far end", dnsCommand},
	{"bare", "connections per second of a client that does nothing: what backend and wire allow", bareCommand},
}

func main() {
	// The second signal kills, in case the first is not enough.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run does what the arguments ask for and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "help" {
		args = []string{"-h"}
	}
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return exitCode(suiteCommand(ctx, args, stdout, stderr), stderr)
	}
	if args[0] == kernel.NetDialCommand { // started by connect -methods netdial
		return exitCode(kernel.NetDial(ctx, args[1:], stdout), stderr)
	}
	if args[0] == netstack.Command { // and by connect -methods netstack
		return exitCode(netstack.Run(ctx, args[1:], stdout), stderr)
	}
	if args[0] == transact.ServeCommand { // started by transact -tls yes
		return exitCode(transact.Serve(args[1:], stdout), stderr)
	}
	for _, c := range commands {
		if c.name == args[0] {
			return exitCode(c.run(ctx, args[1:], stdout, stderr), stderr)
		}
	}
	return exitCode(usageErrorf("there is no subcommand %q; bench -h lists them", args[0]), stderr)
}

func listCommands(out io.Writer) {
	fmt.Fprint(out, "\nsubcommands (each with -h for its flags):\n")
	for _, c := range commands {
		fmt.Fprintf(out, "  %-10s %s\n", c.name, c.summary)
	}
}

// usageError is what the user asked for in a way that cannot be.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usageErrorf(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// exitCode says what went wrong, in one sentence.
func exitCode(err error, stderr io.Writer) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, new(usageError)):
		fmt.Fprintln(stderr, "bench:", err)
		return exitUsage
	default:
		fmt.Fprintln(stderr, "bench:", err)
		return exitFailure
	}
}
