package shards

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"myriad/examples/internal/natsconn"
)

// record is a part's, as the server has it.
type record struct {
	Owner    string          `json:"owner,omitempty"` // nobody's when empty
	Finished bool            `json:"finished,omitempty"`
	Position json.RawMessage `json:"position,omitempty"`
}

// Part is a part that this process has.
type Part struct {
	Number int

	run      *Run
	mu       sync.Mutex // held while a write is under way
	last     record
	revision uint64
	lost     error
	written  time.Time
}

func key(number int) string { return "p." + strconv.Itoa(number) }

// Position decodes where the work stood into v; of a part that nobody has begun
// v stays.
func (p *Part) Position(v any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.last.Position) == 0 {
		return nil
	}
	if err := json.Unmarshal(p.last.Position, v); err != nil {
		return fmt.Errorf("shards: part %d: its position is damaged: %w", p.Number, err)
	}
	return nil
}

// Save keeps where the work stands: everything before is done, and is done by
// nobody again.
func (p *Part) Save(position any) error { return p.keep(position, false) }

// Finish gives the part up as done.
func (p *Part) Finish(position any) error {
	if err := p.keep(position, true); err != nil {
		return err
	}
	p.run.mu.Lock()
	delete(p.run.held, p.Number)
	p.run.mu.Unlock()
	return nil
}

func (p *Part) keep(position any, finished bool) error {
	text, err := json.Marshal(position)
	if err != nil {
		return fmt.Errorf("shards: encode: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.write(record{Owner: p.run.id, Finished: finished, Position: text})
}

// giveBack lets others have the part at once.
func (p *Part) giveBack() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.write(record{Position: p.last.Position})
}

// sign gives a sign of life, if there was none for a while.
func (p *Part) sign(every time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lost == nil && !p.last.Finished && p.last.Owner != "" && time.Since(p.written) >= every {
		_ = p.write(p.last) // whoever writes next finds out
	}
}

// write replaces the record. A write whose answer was lost is found to have
// happened when it is repeated.
func (p *Part) write(r record) error {
	if p.lost != nil {
		return p.lost
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("shards: encode: %w", err)
	}
	err = p.run.persist(func(ctx context.Context) error {
		revision, err := p.run.kv.Update(ctx, key(p.Number), text, p.revision)
		if natsconn.IsConflict(err) {
			revision, err = p.find(ctx, string(text), err)
		}
		if err == nil {
			p.revision = revision
		}
		return err
	})
	switch {
	case natsconn.IsConflict(err):
		p.lost = fmt.Errorf("shards: part %d: %w: this one was not heard of for %v", p.Number, ErrLost, p.run.o.Lease)
		return p.lost
	case err != nil:
		return err
	}
	p.last, p.written = r, time.Now()
	return nil
}

// find looks whether the record is what was to be written; conflict otherwise.
func (p *Part) find(ctx context.Context, text string, conflict error) (revision uint64, err error) {
	entry, err := p.run.kv.Get(ctx, key(p.Number))
	if err != nil {
		return 0, err
	}
	if string(entry.Value()) != text {
		return 0, conflict
	}
	return entry.Revision(), nil
}
