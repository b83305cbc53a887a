package shards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"myriad/examples/internal/state"
)

// seen is a part's record as this process saw it.
type seen struct {
	record
	revision uint64
	since    time.Time // when the revision was first seen
}

// Next takes a part that nobody works on: one that nobody has begun, that was
// given back, or whose owner is not heard of any more. It waits while others have
// all that are not finished, and returns io.EOF when all are.
func (r *Run) Next(ctx context.Context) (*Part, error) {
	known := map[int]*seen{}
	losses := r.conn.Losses()
	for {
		if now := r.conn.Losses(); now != losses || r.conn.Away() {
			losses, known = now, map[int]*seen{} // nobody could be heard of
		}
		left := 0
		err := r.persist(func(call context.Context) (err error) {
			if ctx.Err() != nil {
				return nil
			}
			left, err = r.look(call, known)
			return err
		})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		if left == 0 {
			return nil, io.EOF
		}
		if p, err := r.takeOne(known); p != nil || err != nil {
			return p, err
		}
		select {
		case <-time.After(r.o.Lease / signs):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// look reads all records, and returns how many parts are not finished.
func (r *Run) look(ctx context.Context, known map[int]*seen) (left int, err error) {
	all, err := r.kv.Watch(ctx, "p.*")
	if err != nil {
		return 0, err
	}
	defer all.Stop()
	left = r.plan.Parts
	for {
		select {
		case entry, open := <-all.Updates():
			switch {
			case !open:
				return 0, errors.New("the watch has ended")
			case entry == nil: // that is all there is now
				return left, nil
			}
			if note(known, entry) {
				left--
			}
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// note takes a record, and reports whether its part is finished.
func note(known map[int]*seen, entry jetstream.KeyValueEntry) bool {
	number, err := strconv.Atoi(strings.TrimPrefix(entry.Key(), "p."))
	if err != nil {
		return false
	}
	s := known[number]
	if s == nil || s.revision != entry.Revision() {
		s = &seen{revision: entry.Revision(), since: time.Now()}
		if json.Unmarshal(entry.Value(), &s.record) != nil {
			s.Owner = "?" // told by whoever takes it over
		}
		known[number] = s
	}
	return s.Finished
}

// takeOne takes one that is free, if there is one. They are tried from a random
// one on, so that processes which begin together do not want the same.
func (r *Run) takeOne(known map[int]*seen) (*Part, error) {
	first := rand.IntN(r.plan.Parts)
	for k := range r.plan.Parts {
		number := (first + k) % r.plan.Parts
		s := known[number]
		if s != nil && (s.Finished || s.Owner == r.id || s.Owner != "" && time.Since(s.since) < r.o.Lease) {
			continue
		}
		p, err := r.take(number, s)
		if p != nil || err != nil {
			return p, err
		}
	}
	return nil, nil
}

// take takes a part, unless another process is faster.
func (r *Run) take(number int, s *seen) (*Part, error) {
	p := &Part{Number: number, run: r}
	if s != nil {
		if s.Owner == "?" {
			return nil, fmt.Errorf("shards: part %d: %w: its record is damaged; give the run another name", number, state.ErrRefused)
		}
		p.last.Position, p.revision = s.Position, s.revision
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// Revision 0 stands for a record that there is not yet.
	if err := p.write(record{Owner: r.id, Position: p.last.Position}); err != nil {
		if errors.Is(err, ErrLost) {
			return nil, nil
		}
		return nil, err
	}
	r.mu.Lock()
	r.held[number] = p
	r.mu.Unlock()
	return p, nil
}

// live gives signs of life.
func (r *Run) live() {
	every := r.o.Lease / signs
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-r.ctx.Done():
			return
		}
		for _, p := range r.parts() {
			p.sign(every)
		}
	}
}

// parts are those held.
func (r *Run) parts() (held []*Part) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.held {
		held = append(held, p)
	}
	return held
}

// watch says when work should rest: half a lease is what a part is safe for.
func (r *Run) watch() {
	ticker := time.NewTicker(r.o.Lease / (4 * signs))
	defer ticker.Stop()
	resting := false
	for {
		select {
		case <-ticker.C:
		case <-r.ctx.Done():
			return
		}
		silent := time.Since(r.began) - time.Duration(r.signed.Load())
		if rest := silent > r.o.Lease/2 && len(r.parts()) > 0; rest != resting {
			resting = rest
			r.o.Hold(rest)
		}
	}
}
