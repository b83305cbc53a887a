package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/net/dns/dnsmessage"

	"myriad/examples/internal/iterate"
	"myriad/examples/internal/program"
)

// item is a question with its number in the list.
type item struct {
	iterate.Question
	number uint64
}

// source hands questions out to the engines, in batches.
type source struct {
	batches chan []item
	wake    func()
	points  *points
	skipped func(iterate.Question) // takes those that are done already
	known   atomic.Int64           // read so far
	ended   atomic.Bool            // the list is read to its end
	err     error                  // read after batches is closed
}

const batchNames = 256

func newSource(p *points, skipped func(iterate.Question)) *source {
	return &source{batches: make(chan []item, 64), points: p, skipped: skipped}
}

// push hands a batch out; false when the walk is over.
func (s *source) push(ctx context.Context, batch []item) bool {
	if len(batch) == 0 {
		return true
	}
	select {
	case s.batches <- batch:
		s.wake()
		return true
	case <-ctx.Done():
		return false
	}
}

// run reads with read, in a goroutine of its own, until its end or ctx's.
func (s *source) run(ctx context.Context, read func(yield func(iterate.Question) bool) error) {
	var batch []item
	sum := fnv.New64a()
	number := uint64(0)
	var other error // the state is of another list
	err := read(func(q iterate.Question) bool {
		if s.points.has(number) {
			s.skipped(q)
		} else {
			batch = append(batch, item{q, number})
		}
		number++
		s.known.Add(1)
		fmt.Fprintf(sum, "%s %d\n", q.Name, q.Type)
		if number%batchNames != 0 && number&(number-1) != 0 {
			return true // a point also at each power of two, for short lists
		}
		if other = s.points.read(point{number, sum.Sum64()}); other != nil {
			return false
		}
		if len(batch) < batchNames && number%batchNames != 0 {
			return true
		}
		full := batch
		batch = nil
		return s.push(ctx, full)
	})
	if s.err = errors.Join(err, other); s.err == nil {
		s.err = s.points.end(number, ctx.Err() != nil)
	}
	if s.err == nil {
		s.push(ctx, batch)
	}
	s.ended.Store(true)
	close(s.batches)
	s.wake()
}

// openNames opens a list before anything else is made.
func openNames(path string) (io.ReadCloser, error) {
	if path == "-" {
		return os.Stdin, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, program.Fail(program.UsageWrong, fmt.Errorf("-names: %w", err))
	}
	return f, nil
}

// readNames reads a list; what is no name ends it with an error that says
// where.
func readNames(list io.Reader, o *options, yield func(iterate.Question) bool) error {
	return scanNames(bufio.NewScanner(list), o, yield)
}

// scanNames is readNames, from where a scanner stands.
func scanNames(lines *bufio.Scanner, o *options, yield func(iterate.Question) bool) error {
	for number := 1; lines.Scan(); number++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		q, err := question(fields, o)
		if err != nil {
			return program.Fail(program.UsageWrong, fmt.Errorf("-names %s, line %d: %w", o.Names, number, err))
		}
		if !yield(q) {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("-names %s: %w", o.Names, err)
	}
	return nil
}

func question(fields []string, o *options) (q iterate.Question, err error) {
	q.Type = dnsmessage.Type(o.Type)
	if len(fields) > 2 {
		return q, fmt.Errorf("%q: a line is a name and, if need be, a type", strings.Join(fields, " "))
	}
	if len(fields) == 2 {
		var ok bool
		if q.Type, ok = iterate.ParseType(fields[1]); !ok {
			return q, fmt.Errorf("%q is no record type such as AAAA", fields[1])
		}
	}
	name := fields[0]
	if o.Zone != "" {
		name = strings.TrimSuffix(name, ".") + "." + o.Zone
	}
	q.Name, err = iterate.ParseName(name)
	return q, err
}
