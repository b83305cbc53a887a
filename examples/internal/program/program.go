package program

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"myriad/examples/internal/demonet"
	"myriad/examples/internal/schema"
)

// Program is one command.
type Program struct {
	Name  string
	Short string // what it does, in a line without a final stop
	About string // the paragraphs of -h
	// Arguments says what may follow the flags, as in "CIDR ..."; empty for
	// nothing, and then Instead says where those go that people give.
	Arguments, Instead string
	Examples           []Example
	// Options are the flags of all programs, Words what they say here.
	Options *Options
	Words   Words
	// Flags defines the program's own, and Groups orders them in -h. Choices
	// has the values of flags that have few.
	Flags   func(f *flag.FlagSet)
	Groups  []Group
	Choices map[string][]string
	// Schemas are of what it writes; the first is that of -out.
	Schemas []schema.Schema
	// Output is of -out where that depends on the flags; nil is the first.
	Output func() schema.Schema
	// Check fills in what was not given, and refuses what cannot be done.
	Check func(given Given, arguments []string) error
	// Demo reports, after Check, whether the run is to be in a namespace of its
	// own; nil is never.
	Demo func() bool
	// Servers are what else the same binary is when a demo starts it.
	Servers []Server
	Run     func(ctx context.Context, r *Run) error

	parsed *flag.FlagSet // as Parse has read it
}

// Example is a command line with what it does.
type Example struct{ Line, Does string }

// Group is a heading over some flags in -h.
type Group struct {
	Title string
	Flags []string
}

// Server is a part that a process of its own plays.
type Server struct {
	Is    func() bool
	Serve func() error
}

// gcPercent trades memory for time: a run's live memory is small, and what it
// throws away is much.
const gcPercent = 400

// Main runs the program and ends the process.
func Main(p *Program) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(p.Execute(os.Args[1:], os.Stdout))
}

// Execute runs the program with arguments, and returns its exit code. What is
// asked of it besides a run, such as -h, goes to out.
func (p *Program) Execute(args []string, out io.Writer) int {
	log := newLogger(p.Name, os.Stderr, &Options{})
	for _, s := range p.Servers {
		if s.Is() {
			return conclude(log, s.Serve())
		}
	}
	if done, err := p.assist(args, out); done {
		return conclude(log, err)
	}
	if err := p.Parse(args); err != nil {
		return conclude(log, Fail(UsageWrong, err))
	}
	r := &Run{Log: newLogger(p.Name, os.Stderr, p.Options), program: p, Options: p.Options}
	if p.Demo != nil && p.Demo() && !demonet.Inside() {
		code, err := r.enterDemo()
		if err != nil {
			return conclude(r.Log, err)
		}
		return code
	}
	// Signals count from here on, so that nothing is left half made.
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, restore) // a second one ends the process at once
	err := r.listen()
	if err == nil {
		err = p.Run(ctx, r)
	}
	return conclude(r.Log, r.advise(err))
}

// enterDemo executes the process anew in a namespace of its own, where it has
// all rights; the listener of -metrics stays outside and is handed in.
func (r *Run) enterDemo() (code int, err error) {
	if err := r.listen(); err != nil {
		return 0, err
	}
	if r.listener != nil {
		keep, err := handIn(r.listener)
		if err != nil {
			return 0, fmt.Errorf("-metrics: %w", err)
		}
		defer keep.Close()
	}
	code, err = demonet.Enter()
	if err != nil {
		err = fmt.Errorf("make namespaces for the demo: %w; run it as root, or give -interface", err)
	}
	return code, err
}
