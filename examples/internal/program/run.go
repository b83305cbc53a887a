package program

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"myriad/examples/internal/account"
	"myriad/examples/internal/jsonl"
	"myriad/examples/internal/metrics"
	"myriad/examples/internal/monitor"
	"myriad/examples/internal/progress"
	"myriad/examples/internal/redact"
	"myriad/examples/internal/state"
)

// Run is what a program has while it runs.
type Run struct {
	Log      *slog.Logger
	Options  *Options
	program  *Program
	listener net.Listener // of -metrics
}

// Summary is where the summary for people goes.
func (r *Run) Summary() io.Writer {
	if r.Options.Quiet || r.Options.Status != "" {
		return io.Discard
	}
	return os.Stderr
}

// Out is where the lines go.
type Out struct {
	*jsonl.Writer
	Name string // for people
	file *os.File
	made bool // by us: if it stays empty it goes again
}

// OpenOut opens -out, with the choice of -fields. It is best opened before
// anything else: it fails most easily.
func (r *Run) OpenOut() (*Out, error) {
	only, err := r.program.output().Select(r.Options.Fields)
	if err != nil {
		return nil, Fail(UsageWrong, err)
	}
	o := &Out{Name: r.Options.Out}
	if o.Name == "" && progress.Terminal(os.Stdout) {
		o.Name = filepath.Join(os.TempDir(), r.program.Name+time.Now().Format("-20060102-150405.jsonl"))
	}
	if o.Name == "" || o.Name == "-" {
		o.Name, o.Writer = "standard output", jsonl.NewWriter(os.Stdout)
	} else {
		_, statErr := os.Lstat(o.Name)
		o.made = errors.Is(statErr, fs.ErrNotExist)
		if o.Writer, o.file, err = jsonl.Open(o.Name); err != nil {
			return nil, fmt.Errorf("-out: %w", err)
		}
	}
	if only != nil {
		o.Select(only)
	}
	r.Log.Debug("output", "file", o.Name, "schema", r.program.output().ID(), "fields", cmp.Or(r.Options.Fields, "all"), "new", o.file == nil || o.made)
	return o, nil
}

// Close closes a file; one that was made and stayed empty is removed.
func (o *Out) Close() error {
	if o.file == nil {
		return nil
	}
	if info, err := o.file.Stat(); o.made && err == nil && info.Size() == 0 {
		os.Remove(o.Name)
	}
	return o.file.Close()
}

// OpenState opens -state for a run with these settings; nil without the flag.
// The error of a run that has come to its end is for Run to return: it is no
// failure.
func (r *Run) OpenState(version int, settings map[string]string) (*state.Dir, error) {
	if r.Options.State == "" {
		return nil, nil
	}
	d, err := state.Open(r.Options.State, r.Identity(version, settings))
	if err != nil {
		return nil, err
	}
	r.Log.Debug("state", "directory", r.Options.State, "version", version, "goes on", d.Resumed(), "of", fmt.Sprint(settings))
	if d.Finished() {
		d.Close()
		return nil, FinishedBefore("the run in -state %s has come to its end; remove the directory to begin anew", r.Options.State)
	}
	return d, nil
}

// Identity tells this run, with these settings, from others.
func (r *Run) Identity(version int, settings map[string]string) state.Identity {
	return state.Identity{Program: r.program.Name, Version: version, Settings: settings}
}

// Watch begins to show a run; i needs no program and rate.
func (r *Run) Watch(i metrics.Info, read func() account.Account) *monitor.Monitor {
	i.Program, i.Rate = r.program.Name, r.Options.Rate
	c := monitor.Config{
		Info: i, Command: commandLine(), Metrics: r.listener, Report: r.Options.Report, Read: read,
	}
	if r.Detailed() {
		c.Log = r.Log
		r.promises(read())
	}
	switch {
	case r.Options.Status == "json":
		c.Status = os.Stderr
	case !r.Options.Quiet:
		c.Terminal = os.Stderr
	}
	return monitor.Start(c)
}

// commandLine is how the program was called, as a shell would take it, without
// passwords.
func commandLine() string {
	words := []string{filepath.Base(os.Args[0])}
	for _, a := range os.Args[1:] {
		a = redact.Text(a)
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$&|;<>()*?[]#~`!{}") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// How words the end of a run for Monitor.End.
func How(err error) string {
	switch {
	case err == nil:
		return "finished"
	case Code(err) == Interrupted:
		return "interrupted"
	}
	return "failed: " + redact.Text(err.Error())
}

// Ended words the end of a run for its summary.
func Ended(err error) string {
	switch Code(err) {
	case Finished:
		return "Finished"
	case Interrupted:
		return "Interrupted"
	}
	return "Failed"
}

// handedMark has, in the environment, the descriptor of a listener that was
// handed in.
const handedMark = "MYRIAD_METRICS_FD"

// listen opens -metrics, or takes what was handed in.
func (r *Run) listen() (err error) {
	if r.Options.Metrics == "" {
		return nil
	}
	if r.listener, err = handedIn(); r.listener != nil || err != nil {
		return err
	}
	r.listener, err = metrics.Listen(r.Options.Metrics)
	if err == nil {
		r.Log.Debug("metrics", "at", "http://"+r.listener.Addr().String()+"/metrics")
	}
	return err
}
