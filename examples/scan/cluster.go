package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"myriad/examples/internal/program"
	"myriad/examples/internal/scan"
	"myriad/examples/internal/shards"
)

const (
	// partSeconds is how long a part takes one process at its rate: at the end of
	// each it waits for the last answers, and sends nothing.
	partSeconds = 60
	// partsLeast lets a few processes share a small scan.
	partsLeast, partsMost = 16, 4096
	// fullRate is what is reckoned with where there is no limit.
	fullRate = 1e6
)

// parts is how many the targets are divided into.
func (o *options) parts(targets uint64) int {
	rate := o.Rate
	if rate == 0 {
		rate = fullRate
	}
	return int(min(max(float64(targets)/(rate*partSeconds), partsLeast), partsMost, float64(targets)))
}

// join joins the run of -cluster, and takes the first part.
func (s *session) join(ctx context.Context) (err error) {
	s.cluster, err = shards.Join(ctx, shards.Options{
		URL: s.o.Cluster, Identity: s.r.Identity(stateVersion, s.o.settings(s.space)),
		Plan: shards.Plan{Parts: s.o.parts(s.space.Targets()), Seed: s.o.Seed},
		Hold: func(rest bool) { s.holds.set(forCluster, rest) },
		Log:  func(text string) { s.r.Log.Warn(text) },
	})
	if err != nil {
		return fmt.Errorf("-cluster: %w", err)
	}
	context.AfterFunc(ctx, s.cluster.Hurry)
	plan := s.cluster.Plan()
	s.from.Seed, s.o.Shards = plan.Seed, plan.Parts
	if err = s.makeSpace(); err == nil {
		err = s.nextPart(ctx)
	}
	switch {
	case errors.Is(err, io.EOF):
		err = program.FinishedBefore("the run of -cluster %s has come to its end; give another name to begin anew", s.o.Cluster)
	case ctx.Err() != nil:
		err = program.ErrInterrupted
	}
	if err != nil {
		s.cluster.Close()
	}
	return err
}

// nextPart takes a part; io.EOF when all are finished.
func (s *session) nextPart(ctx context.Context) error {
	s.keep = nil
	part, err := s.cluster.Next(ctx)
	if err != nil {
		return err
	}
	var from position
	if err := part.Position(&from); err != nil {
		return err
	}
	s.keep, s.o.Shard, s.from.Progress = part, part.Number, from.Progress
	return nil
}

// goOn goes on with another part, if there is one, after the end of one.
func (s *session) goOn(ctx context.Context) (more bool, err error) {
	if s.cluster == nil {
		return false, nil
	}
	if err := s.out.sync(); err != nil {
		return false, err
	}
	if err := s.put(s.scanner.Rest(), true); err != nil {
		return false, err
	}
	if err := s.nextPart(ctx); err != nil {
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return false, nil
		}
		return false, err
	}
	if err := s.scanner.Begin(s.o.Shard, s.from.Progress); err != nil {
		return false, err
	}
	s.take()
	return true, nil
}

// Why no new targets may be probed.
const (
	forOutput = 1 << iota
	forCluster
)

// holds are the reasons for which the scan rests.
type holds struct {
	mu      sync.Mutex
	why     int
	scanner *scan.Scanner // nil before there is one
}

func (h *holds) set(why int, yes bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if yes {
		h.why |= why
	} else {
		h.why &^= why
	}
	if h.scanner != nil {
		h.scanner.Hold(h.why != 0)
	}
}

// of has a scanner rest with the reasons that there are.
func (h *holds) of(s *scan.Scanner) {
	h.mu.Lock()
	h.scanner = s
	h.mu.Unlock()
	h.set(0, false)
}
