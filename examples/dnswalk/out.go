package main

import (
	"errors"
	"maps"
	"sync"
	"time"

	"myriad/examples/internal/program"
	"myriad/examples/internal/state"
)

// ended is a name that has an outcome.
type ended struct {
	number  uint64
	outcome string
}

// output takes lines from the workers and writes them in a goroutine of its
// own, so that no worker waits for a disk. It keeps count of what is written,
// and the checkpoint of that.
type output struct {
	out     *program.Out
	dir     *state.Dir // nil without -state
	parts   *parts     // nil without -cluster
	points  *points
	mu      sync.Mutex
	changed sync.Cond
	pending []byte
	names   []ended // whose lines are pending
	over    bool
	err     error // read after done
	done    chan struct{}

	written position // but for the list's point; guarded by mu
	saved   time.Time
}

const (
	// backlogMax is the bytes waiting above which no new names are taken.
	backlogMax = 8 << 20
	// checkpointEvery is the time between two checkpoints.
	checkpointEvery = time.Second
)

// newOutput writes to out, and goes on from where began stands.
func newOutput(out *program.Out, dir *state.Dir, began position) *output {
	o := &output{out: out, dir: dir, points: &points{began: began}, done: make(chan struct{}), saved: time.Now()}
	o.changed.L = &o.mu
	o.written.Outcomes = maps.Clone(began.Outcomes)
	if o.written.Outcomes == nil {
		o.written.Outcomes = map[string]int64{}
	}
	o.written.Done = began.Done.Clone()
	return o
}

// add takes whole lines and the names that they are of, both of which are
// copied, and reports whether the backlog is too long for more names.
func (o *output) add(lines []byte, names []ended) (full bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pending = append(o.pending, lines...)
	o.names = append(o.names, names...)
	if len(lines) > 0 {
		o.changed.Signal()
	}
	return len(o.pending) > backlogMax
}

// run writes until end; failed is called at the first failure.
func (o *output) run(failed func(error)) {
	defer close(o.done)
	var writing []byte
	var names []ended
	for {
		o.mu.Lock()
		for len(o.pending) == 0 && !o.over {
			o.changed.Wait()
		}
		writing, o.pending = o.pending, writing[:0]
		names, o.names = o.names, names[:0]
		over := len(writing) == 0
		o.mu.Unlock()
		if over {
			return
		}
		if o.err != nil {
			continue
		}
		if o.err = o.write(writing, names); o.err != nil {
			failed(o.err)
		}
	}
}

// write writes lines, and when it is time a checkpoint.
func (o *output) write(lines []byte, names []ended) error {
	if err := o.out.WriteLines(lines); err != nil {
		return err
	}
	whole := false // a part is
	o.mu.Lock()
	for _, n := range names {
		o.written.Outcomes[n.outcome]++
		switch {
		case o.dir != nil:
			o.written.Done.Done(n.number)
		case o.parts != nil:
			whole = o.parts.note(n.number) || whole
		}
	}
	o.mu.Unlock()
	switch due := time.Since(o.saved) >= checkpointEvery; {
	case o.dir != nil && due:
		return o.checkpoint(o.dir.Save)
	case o.parts != nil && (due || whole):
		return o.checkpoint(o.parts.save)
	}
	return nil
}

// checkpoint makes what is written last, and then says so.
func (o *output) checkpoint(save func(any) error) error {
	if err := o.out.Sync(); err != nil {
		return err
	}
	o.written.List = o.points.below(o.written.Done.Low())
	err := save(&o.written)
	o.saved = time.Now()
	return err
}

// outcomes counts the names whose lines are written, those of the runs before
// included.
func (o *output) outcomes() map[string]int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.written.Outcomes)
}

// end writes what waits and the last checkpoint, and returns the failure, if
// any. finished is a walk that has come to its end.
func (o *output) end(finished bool) error {
	o.mu.Lock()
	o.over = true
	o.changed.Signal()
	o.mu.Unlock()
	<-o.done
	if o.parts != nil && o.err == nil {
		return o.checkpoint(o.parts.save)
	}
	if o.dir == nil {
		return o.err
	}
	save := o.dir.Save
	if finished && o.err == nil {
		save = o.dir.Finish
	}
	return errors.Join(o.err, o.checkpoint(save))
}
