package farside

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"myriad/examples/internal/network"
	"myriad/internal/testbed"
)

// ready is what the child says when it answers.
const ready = "ready\n"

// Config says what to make.
type Config struct {
	Veth testbed.VethConfig
	// Routes, called once the two are joined, makes what they need beside their
	// addresses.
	Routes func(near, far *testbed.Namespace) error
	// Process is the child's name in lists of processes, What the far side's in
	// errors, as "the far end".
	Process, What string
	// Mark is a variable in the child's environment, by which it knows.
	Mark string
	// Task is what the child is told.
	Task any
}

// World is a far side.
type World struct {
	config Config
	far    *testbed.Namespace
	child  *exec.Cmd
	input  io.WriteCloser
	output *bufio.Reader
}

// Start makes it. It returns when the child answers.
func Start(c Config) (w *World, err error) {
	w = &World{config: c}
	defer func() {
		if err != nil {
			_, _ = w.Stop(new(json.RawMessage))
			w = nil
		}
	}()
	near, err := testbed.Current()
	if err != nil {
		return w, err
	}
	defer near.Close()
	if w.far, err = testbed.NewNamespace(); err != nil {
		return w, err
	}
	if _, err := testbed.Veth(near, w.far, c.Veth); err != nil {
		return w, err
	}
	if err := c.Routes(near, w.far); err != nil {
		return w, err
	}
	if err := w.startChild(); err != nil {
		return w, fmt.Errorf("start %s: %w", c.What, err)
	}
	return w, nil
}

// startChild starts the child and tells it its task.
func (w *World) startChild() error {
	child := exec.Command(Executable())
	child.Args[0] = w.config.Process
	child.Env = append(os.Environ(), w.config.Mark+"=1")
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	input, err := child.StdinPipe()
	if err != nil {
		return err
	}
	if err := w.far.Start(child); err != nil {
		return err
	}
	w.child, w.input, w.output = child, input, bufio.NewReader(output)
	if err := json.NewEncoder(input).Encode(w.config.Task); err != nil {
		return err
	}
	answer, err := w.output.ReadString('\n')
	if err != nil || answer != ready {
		return fmt.Errorf("it says %q: %w", strings.TrimSpace(answer), errors.Join(err, errNotReady))
	}
	return nil
}

var errNotReady = errors.New("not ready")

// Stop ends the child and the namespace. It fills account with what the child
// says at its end, and returns what it has used since it was ready.
func (w *World) Stop(account any) (usage network.Usage, err error) {
	if w.child != nil {
		w.input.Close() // the sign to end
		says := json.NewDecoder(w.output)
		if err = says.Decode(account); err == nil {
			err = says.Decode(&usage)
		}
		if wait := w.child.Wait(); err == nil {
			err = wait
		}
		w.child = nil
	}
	if w.far != nil {
		err = errors.Join(err, w.far.Close())
		w.far = nil
	}
	if err != nil {
		err = fmt.Errorf("stop: %w", err)
	}
	return usage, err
}

// Executable is this binary. By its own path it has its own name in lists of
// processes; the other one works even when the file is gone.
func Executable() string {
	if path, err := os.Executable(); err == nil {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return "/proc/self/exe"
}
