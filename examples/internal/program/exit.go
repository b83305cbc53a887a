package program

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"

	"myriad/examples/internal/jsonl"
	"myriad/examples/internal/report"
	"myriad/examples/internal/state"
	"myriad/examples/internal/targets"
)

// Exit codes.
const (
	Finished     = iota // every target has an outcome
	Failed              // the network could not be had or was lost, or anything else
	UsageWrong          // the command line, or a list that it names
	Interrupted         // by a signal; with -state the same command goes on
	WriteFailed         // -out, -state or -report: a full disk
	StateRefused        // -state is of another run or version, damaged or in use
	DemoWrong           // the demo came to something else than it must
)

// ExitCodes are what the codes mean, for people.
var ExitCodes = []struct {
	Code    int
	Meaning string
}{
	{Finished, "finished: every target has an outcome (also when nothing was found)"},
	{Failed, "failed: the network could not be had or was lost, so that targets could not be looked at; or another failure"},
	{UsageWrong, "wrong usage: a flag, or a list that one names"},
	{Interrupted, "interrupted by a signal; with -state the same command goes on"},
	{WriteFailed, "the output, the state or the report could not be written, such as on a full disk"},
	{StateRefused, "-state is of another run, another program or another version, damaged, or in use; nothing was sent"},
	{DemoWrong, "the demo came to something else than it must"},
}

var (
	// ErrInterrupted is what Run returns when its context has ended it.
	ErrInterrupted = errors.New("interrupted")
	// errFinished: a state directory's run has come to its end before.
	errFinished = errors.New("finished before")
)

// exitError is an error with its code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// Fail gives an error an exit code; nil stays nil.
func Fail(code int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code, err}
}

// FinishedBefore is the error of a run that has come to its end before: it is for
// Run to return, and no failure.
func FinishedBefore(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errFinished, fmt.Errorf(format, args...))
}

// Code is the exit code of what Run returned.
func Code(err error) int {
	var with *exitError
	var refusal *targets.Refusal
	switch {
	case err == nil || errors.Is(err, errFinished):
		return Finished
	case errors.As(err, &with):
		return with.code
	case errors.Is(err, jsonl.ErrWrite), errors.Is(err, state.ErrWrite), errors.Is(err, report.ErrWrite), full(err):
		return WriteFailed
	case errors.Is(err, state.ErrRefused):
		return StateRefused
	case errors.As(err, &refusal):
		return UsageWrong
	case errors.Is(err, ErrInterrupted):
		return Interrupted
	}
	return Failed
}

// full reports whether a disk is.
func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// advise says with a full disk what to do about it.
func (r *Run) advise(err error) error {
	switch {
	case Code(err) != WriteFailed || !full(err):
		return err
	case r.Options.State == "":
		return fmt.Errorf("%w; make room (a run with -state goes on with what is left)", err)
	}
	return fmt.Errorf("%w; make room, and give the same command again: it goes on with what is left", err)
}

// asFlags names the flags that the library's fields are given by.
var asFlags = strings.NewReplacer(
	"tcpclient: Interface.Name: ", "-interface: ",
	"tcpclient: Interface.Sources", "-source",
	"tcpclient: Interface.Queues", "-queues",
	"set Gateway, GatewayMAC or OnLink", "give -gateway or -gateway-mac",
	"give Interface.Sources", "give -source",
	"limit Interface.Queues", "limit -queues",
)

// conclude says what went wrong, each thing in a line, and returns the exit
// code.
func conclude(log *slog.Logger, err error) int {
	switch code := Code(err); {
	case errors.Is(err, errFinished):
		log.Info(err.Error())
		return code
	case code == Finished:
		return code
	case code == Interrupted:
		log.Debug(err.Error()) // the summary has said so
		return code
	default:
		for line := range strings.SplitSeq(asFlags.Replace(err.Error()), "\n") {
			log.Error(line)
		}
		return code
	}
}
