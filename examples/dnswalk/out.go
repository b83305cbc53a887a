package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"myriad/examples/internal/jsonl"
	"myriad/examples/internal/progress"
)

// output takes lines from the workers and writes them in a goroutine of its
// own, so that no worker waits for a disk.
type output struct {
	name    string
	lines   *jsonl.Writer
	mu      sync.Mutex
	changed sync.Cond
	pending []byte
	ended   bool
	err     error
	done    chan struct{}
}

// backlogMax is the bytes waiting above which no new names are taken.
const backlogMax = 8 << 20

// openOutput opens the output before anything else is made: it fails most
// easily.
func openOutput(path string) (o *output, closeOut func(), err error) {
	o = &output{name: path, done: make(chan struct{})}
	o.changed.L = &o.mu
	if o.name == "" && progress.Terminal(os.Stdout) {
		o.name = filepath.Join(os.TempDir(), time.Now().Format("dnswalk-20060102-150405.jsonl"))
	}
	if o.name == "" || o.name == "-" {
		o.name, o.lines = "standard output", jsonl.NewWriter(os.Stdout)
		return o, func() {}, nil
	}
	_, statErr := os.Lstat(o.name)
	w, f, err := jsonl.Open(o.name)
	if err != nil {
		return nil, nil, fmt.Errorf("-out: %w", err)
	}
	o.lines = w
	return o, func() {
		// A walk that could not begin leaves no empty file behind.
		if info, err := f.Stat(); errors.Is(statErr, fs.ErrNotExist) && err == nil && info.Size() == 0 {
			os.Remove(o.name)
		}
		f.Close()
	}, nil
}

// add takes whole lines, which are copied, and reports whether the backlog is
// too long for more names.
func (o *output) add(lines []byte) (full bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pending = append(o.pending, lines...)
	if len(lines) > 0 {
		o.changed.Signal()
	}
	return len(o.pending) > backlogMax
}

// run writes until end; failed is called at the first failure.
func (o *output) run(failed func(error)) {
	defer close(o.done)
	var writing []byte
	for {
		o.mu.Lock()
		for len(o.pending) == 0 && !o.ended {
			o.changed.Wait()
		}
		writing, o.pending = o.pending, writing[:0]
		over := len(writing) == 0
		o.mu.Unlock()
		if over {
			return
		}
		if o.err != nil {
			continue
		}
		if o.err = o.lines.WriteLines(writing); o.err != nil {
			failed(o.err)
		}
	}
}

// end writes what waits, and returns the failure, if any.
func (o *output) end() error {
	o.mu.Lock()
	o.ended = true
	o.changed.Signal()
	o.mu.Unlock()
	<-o.done
	return o.err
}
