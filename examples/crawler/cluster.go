package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"myriad/examples/internal/crawl"
	"myriad/examples/internal/frontier/stream"
	"myriad/examples/internal/jsonl"
)

// joinCluster joins the crawl of -cluster.
func (s *session) joinCluster() (err error) {
	s.cluster, err = stream.Join(stream.Options{
		URL: s.o.Cluster, Settle: s.o.Pause,
		Log: func(text string) { s.run.Log.Warn(text) },
	})
	if err != nil {
		return fmt.Errorf("-cluster: %w", err)
	}
	s.store = stream.NewStore(s.cluster)
	return nil
}

// share gives a record to all processes of the crawl.
func (s *session) share(r any) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if len(line) >= jsonl.PageBytes {
		return jsonl.ErrLong
	}
	return s.cluster.PutResult(r.(*crawl.Record).URL, line)
}

// follow begins to write the records of all processes to -out, where there is a
// cluster. wait waits until all are written if the crawl has come to its end,
// and stops at once otherwise.
func (s *session) follow() (wait func(finished bool) error, err error) {
	if s.cluster == nil {
		return func(bool) error { return nil }, nil
	}
	skip, err := linesOf(s.o.Out)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.cluster.Follow(ctx, skip, ended, func(line []byte) error {
			return s.out.WriteLines(append(bytes.Clone(line), '\n'))
		})
	}()
	return func(finished bool) error {
		defer cancel()
		if finished {
			close(ended)
		} else {
			cancel()
		}
		if err := <-done; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}, nil
}

// linesOf counts the lines that a file has already.
func linesOf(path string) (uint64, error) {
	if path == "" || path == "-" {
		return 0, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("-out: %w", err)
	}
	defer f.Close()
	var lines uint64
	piece := make([]byte, 64<<10)
	for {
		n, err := f.Read(piece)
		lines += uint64(bytes.Count(piece[:n], []byte{'\n'}))
		if err != nil {
			return lines, nil // the end; what cannot be read cannot be added to either
		}
	}
}
