package main

import (
	"fmt"
	"sync"

	"myriad/examples/internal/state"
)

// stateVersion is that of position.
const stateVersion = 1

// point is a place in the list: after so many names, which have that sum
// (FNV-1a of "name type\n", each).
type point struct {
	Count uint64 `json:"count"`
	Sum   uint64 `json:"sum"`
}

// position is where a walk stands.
type position struct {
	// List is the last point at which every name before is done, so that
	// another list is found out before any name of it is asked for.
	List point `json:"list"`
	// Done are the names whose lines are written, by their number.
	Done state.Window `json:"done"`
	// Outcomes count them.
	Outcomes map[string]int64 `json:"outcomes"`
}

// points are the places of the list that lie between what is done and what is
// read. The source adds to them, and the output takes from them.
type points struct {
	began position // as it was at the start; not changed

	mu    sync.Mutex
	ahead []point
}

func (p *points) has(number uint64) bool { return p.began.Done.Has(number) }

// read takes note of a point that the source has reached.
func (p *points) read(at point) error {
	if at.Count == p.began.List.Count && at.Sum != p.began.List.Sum {
		return fmt.Errorf("-state: %w: it is of another list: the first %d names were others", state.ErrRefused, at.Count)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ahead = append(p.ahead, at)
	return nil
}

// end takes note of the list's end, or of that of the reading.
func (p *points) end(count uint64, early bool) error {
	if count < p.began.List.Count && !early {
		return fmt.Errorf("-state: %w: it is of another list: that had at least %d names, this one has %d", state.ErrRefused, p.began.List.Count, count)
	}
	return nil
}

// below is the last point at or below low; those before are forgotten.
func (p *points) below(low uint64) (at point) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.ahead) > 0 && p.ahead[0].Count <= low {
		at = p.ahead[0]
		if len(p.ahead) == 1 || p.ahead[1].Count > low {
			break
		}
		p.ahead = p.ahead[1:]
	}
	if at.Count == 0 {
		return p.began.List
	}
	return at
}

// settings are what makes a walk the one that it is.
func (o *options) settings() map[string]string {
	s := map[string]string{"-interface": "given"}
	if o.demo() {
		s["-interface"] = ""
		s["demo"] = fmt.Sprintf("%+v", o.Demo)
		return s
	}
	s["-zone"], s["-type"], s["-root"], s["-hints"] = o.Zone, fmt.Sprint(uint16(o.Type)), fmt.Sprint([]any{o.Roots}), o.Hints
	return s
}
