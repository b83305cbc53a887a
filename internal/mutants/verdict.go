package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// outcome is what go test -json said of each test.
type outcome struct {
	passed, failed map[string]bool
	output         string
}

// errBuild: the mutant does not compile, which kills nothing.
var errBuild = errors.New("does not build")

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action, Test, Output string
	FailedBuild          string
}

// run is tests of one package that go together.
type run struct {
	pkg  string // as go test takes it, ./handshake
	args string // such as -short
}

// goTest runs tests by their full names. overlay may be empty; otherwise what
// the tests leave behind, such as captures, goes into its directory.
func (r run) goTest(root, overlay string, names []string) (*outcome, error) {
	// A mutant may hang: the limit is far above what any of these tests takes.
	args := []string{"test", "-json", "-vet=off", "-count=1", "-timeout=120s", "-run", pattern(names)}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	if r.args != "" {
		args = append(args, r.args)
	}
	cmd := exec.Command("go", append(args, r.pkg)...)
	cmd.Dir = root
	if overlay != "" {
		cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Dir(overlay))
	}
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("mutants: %w", err)
	}
	o, buildErr := read(out.Bytes())
	if buildErr != nil || len(o.passed)+len(o.failed) == 0 && problems.Len() > 0 {
		return nil, fmt.Errorf("%w:\n%s%s", errBuild, o.output, problems.String())
	}
	return o, nil
}

// pattern matches exactly the named tests.
func pattern(names []string) string {
	var all []string
	for _, n := range names {
		all = append(all, "^"+strings.ReplaceAll(n, "/", "$/^")+"$")
	}
	return strings.Join(all, "|")
}

// read takes in the events. A test that panics outside of its goroutine, or
// hangs until the time limit, has no event of its own failure: its output
// tells.
func read(lines []byte) (*outcome, error) {
	o := &outcome{passed: map[string]bool{}, failed: map[string]bool{}}
	var err error
	var text strings.Builder
	for d := json.NewDecoder(bytes.NewReader(lines)); d.More(); {
		var e event
		if e := d.Decode(&e); e != nil {
			return o, fmt.Errorf("mutants: go test -json: %w", e)
		}
		text.WriteString(e.Output)
		switch {
		case e.FailedBuild != "" || e.Action == "build-fail":
			err = errBuild
		case e.Test == "":
		case e.Action == "pass":
			o.passed[e.Test] = true
		case e.Action == "fail", strings.HasPrefix(e.Output, "panic: "), strings.HasPrefix(e.Output, "fatal error: "):
			o.failed[e.Test] = true
		}
	}
	o.output = text.String()
	return o, err
}
