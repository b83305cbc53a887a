package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/net/dns/dnsmessage"

	"myriad/examples/internal/iterate"
)

// source hands questions out to the engines, in batches.
type source struct {
	batches chan []iterate.Question
	wake    func()
	known   atomic.Int64 // read so far
	err     error        // read after batches is closed
}

const batchNames = 256

func newSource() *source { return &source{batches: make(chan []iterate.Question, 64)} }

// push hands a batch out; false when the walk is over.
func (s *source) push(ctx context.Context, batch []iterate.Question) bool {
	s.known.Add(int64(len(batch)))
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
	var batch []iterate.Question
	s.err = read(func(q iterate.Question) bool {
		if batch = append(batch, q); len(batch) < batchNames {
			return true
		}
		full := batch
		batch = nil
		return s.push(ctx, full)
	})
	if len(batch) > 0 {
		s.push(ctx, batch)
	}
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
		return nil, fmt.Errorf("-names: %w", err)
	}
	return f, nil
}

// readNames reads a list; what is no name ends it with an error that says
// where.
func readNames(list io.Reader, o *options, yield func(iterate.Question) bool) error {
	lines := bufio.NewScanner(list)
	for number := 1; lines.Scan(); number++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		q, err := question(fields, o)
		if err != nil {
			return fmt.Errorf("-names %s, line %d: %w", o.Names, number, err)
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
