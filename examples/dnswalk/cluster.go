package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"myriad/examples/internal/iterate"
	"myriad/examples/internal/program"
	"myriad/examples/internal/shards"
	"myriad/examples/internal/state"
)

const (
	// partNames is about how many names a part has of a long list.
	partNames = 50_000
	// partsLeast lets a few processes share a short one.
	partsLeast, partsMost = 64, 4096
	// markEvery is how many names lie between two places of a list that are
	// remembered.
	markEvery = 1024
)

// index tells where the names of a list lie in its file.
type index struct {
	o     *options
	count uint64
	sum   string  // of all names and types
	marks []int64 // in bytes: of every markEvery-th name, or the comments before it
}

// indexNames reads a list to its end.
func indexNames(o *options) (*index, error) {
	list, err := openNames(o.Names)
	if err != nil {
		return nil, err
	}
	defer list.Close()
	x := &index{o: o}
	offset := int64(0) // of the line after the last that was read
	lines := bufio.NewScanner(list)
	lines.Split(func(data []byte, atEOF bool) (advance int, token []byte, err error) {
		advance, token, err = bufio.ScanLines(data, atEOF)
		offset += int64(advance)
		return advance, token, err
	})
	sum := sha256.New()
	x.marks = []int64{0}
	err = scanNames(lines, o, func(q iterate.Question) bool {
		fmt.Fprintf(sum, "%s %d\n", q.Name, q.Type)
		if x.count++; x.count%markEvery == 0 {
			x.marks = append(x.marks, offset)
		}
		return true
	})
	if err == nil && x.count == 0 {
		err = program.Fail(program.UsageWrong, fmt.Errorf("-names %s: names nothing", o.Names))
	}
	x.sum = hex.EncodeToString(sum.Sum(nil)[:12])
	return x, err
}

// read yields the names from number first on.
func (x *index) read(first uint64, yield func(number uint64, q iterate.Question) bool) error {
	f, err := os.Open(x.o.Names)
	if err != nil {
		return fmt.Errorf("-names: %w", err)
	}
	defer f.Close()
	if _, err := f.Seek(x.marks[first/markEvery], io.SeekStart); err != nil {
		return fmt.Errorf("-names: %w", err)
	}
	number := first / markEvery * markEvery
	return readNames(f, x.o, func(q iterate.Question) bool {
		number++
		return number <= first || yield(number-1, q)
	})
}

// part is a part of the list that this process has.
type part struct {
	*shards.Part
	first, names uint64
	done         state.Window // by the number in the part
	changed      bool         // since the last checkpoint
}

// partPosition is where the work in a part stands.
type partPosition struct {
	Done *state.Window `json:"done"`
}

// parts are those that this process has.
type parts struct {
	run   *shards.Run
	size  uint64 // of each, but for the last
	count uint64 // names in all

	mu   sync.Mutex
	held map[uint64]*part // by number
}

// join joins the run of -cluster.
func (s *session) join(ctx context.Context) error {
	settings := s.o.settings()
	settings["list"] = fmt.Sprintf("%d names, %s", s.index.count, s.index.sum)
	run, err := shards.Join(ctx, shards.Options{
		URL: s.o.Cluster, Identity: s.run.Identity(stateVersion, settings),
		Plan: shards.Plan{Parts: int(min(max(s.index.count/partNames, partsLeast), partsMost, s.index.count))},
		Log:  func(text string) { s.run.Log.Warn(text) },
	})
	if err != nil {
		return fmt.Errorf("-cluster: %w", err)
	}
	context.AfterFunc(ctx, run.Hurry)
	all := uint64(run.Plan().Parts)
	s.out.parts = &parts{run: run, count: s.index.count, size: (s.index.count + all - 1) / all, held: map[uint64]*part{}}
	return nil
}

// take takes a part; io.EOF when all are finished.
func (p *parts) take(ctx context.Context) (*part, error) {
	next, err := p.run.Next(ctx)
	if err != nil {
		return nil, err
	}
	t := &part{Part: next, first: min(uint64(next.Number)*p.size, p.count)}
	t.names = min(p.size, p.count-t.first)
	if err := next.Position(&partPosition{&t.done}); err != nil {
		return nil, err
	}
	if t.done.Low() >= t.names { // one without names, or that was only not called finished
		return t, t.Finish(partPosition{&t.done})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held[uint64(next.Number)] = t
	return t, nil
}

// note takes note of a name whose line is written, and reports whether its part
// is done with that.
func (p *parts) note(number uint64) (whole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.held[number/p.size]
	t.done.Done(number - t.first)
	t.changed = true
	return t.done.Low() >= t.names
}

// save keeps where the parts stand, and gives up those that are done.
func (p *parts) save(any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for number, t := range p.held {
		if !t.changed {
			continue
		}
		keep := t.Save
		if t.done.Low() >= t.names {
			keep = t.Finish
			delete(p.held, number)
		}
		if err := keep(partPosition{&t.done}); err != nil {
			return err
		}
		t.changed = false
	}
	return nil
}

// runParts reads parts until all are finished, in a goroutine of its own.
func (s *source) runParts(ctx context.Context, p *parts, x *index) {
	for taken := 0; s.err == nil && ctx.Err() == nil; taken++ {
		t, err := p.take(ctx)
		if errors.Is(err, io.EOF) {
			if taken == 0 {
				s.err = program.FinishedBefore("the run of -cluster %s has come to its end; give another name to begin anew", x.o.Cluster)
			}
			break
		}
		if ctx.Err() != nil {
			break
		}
		if s.err = err; err == nil {
			s.err = s.readPart(ctx, t, x)
		}
	}
	s.ended.Store(true)
	close(s.batches)
	s.wake()
}

// readPart hands a part's names out, but for those that are done.
func (s *source) readPart(ctx context.Context, t *part, x *index) error {
	if t.done.Low() >= t.names {
		return nil
	}
	done := t.done.Clone() // the output goes on with the other
	var batch []item
	over := false
	err := x.read(t.first, func(number uint64, q iterate.Question) bool {
		if number == t.first+t.names {
			return false
		}
		if !done.Has(number - t.first) {
			batch = append(batch, item{q, number})
			s.known.Add(1)
		}
		if len(batch) == batchNames {
			over = !s.push(ctx, batch)
			batch = nil
		}
		return !over
	})
	if err == nil && !over {
		s.push(ctx, batch)
	}
	return err
}
