package main

import (
	"sync"

	"myriad/examples/internal/program"
)

// output takes lines from the workers and writes them in a goroutine of its own,
// so that no worker waits for a disk.
type output struct {
	out     *program.Out
	mu      sync.Mutex
	changed sync.Cond
	pending []byte
	added   uint64 // bytes taken, and …
	written uint64 // … those written
	ended   bool
	err     error
	done    chan struct{}
}

// backlogMax is the bytes waiting above which the scan holds.
const backlogMax = 8 << 20

func newOutput(out *program.Out) *output {
	o := &output{out: out, done: make(chan struct{})}
	o.changed.L = &o.mu
	return o
}

// add takes whole lines, which are copied, and reports whether the backlog is
// too long.
func (o *output) add(lines []byte) (full bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pending = append(o.pending, lines...)
	o.added += uint64(len(lines))
	o.changed.Broadcast()
	return len(o.pending) > backlogMax
}

// run writes until end. resume is called when a backlog has been written, failed
// at the first failure.
func (o *output) run(resume func(), failed func(error)) {
	defer close(o.done)
	var writing []byte
	for {
		o.mu.Lock()
		for len(o.pending) == 0 && !o.ended {
			o.changed.Wait()
		}
		writing, o.pending = o.pending, writing[:0]
		over, err := len(writing) == 0, o.err
		o.mu.Unlock()
		if over {
			return
		}
		if err == nil {
			if err = o.out.WriteLines(writing); err != nil {
				failed(err)
			}
		}
		resume()
		o.mu.Lock()
		o.err = err
		o.written += uint64(len(writing))
		o.changed.Broadcast()
		o.mu.Unlock()
	}
}

// sync returns when what was added before has been written.
func (o *output) sync() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for upTo := o.added; o.written < upTo; {
		o.changed.Wait()
	}
	return o.err
}

// end writes what waits, and returns the failure, if any.
func (o *output) end() error {
	o.mu.Lock()
	o.ended = true
	o.changed.Broadcast()
	o.mu.Unlock()
	<-o.done
	return o.err
}
