package stack

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// Component is a part of the library, with its share of the samples.
type Component struct {
	Name  string
	Share float64 // of our code's, 0 to 1
}

// part is a component.
type part struct {
	name      string
	functions []string
}

// parts are the components by the functions that stand for them, the innermost
// of a stack first; what matches none is the last's.
var parts = []part{
	{Device, []string{"stack.(*device)", "stack.threadTime"}},
	{"application", []string{"stack.(*prober).Events"}},
	{"open", []string{"tcpclient.(*Worker).Open", "stack.(*prober).OpenMore", ").openMore"}},
	{"parse", []string{"linklayer.Parse"}},
	{"look-up", []string{"conntable.(*Table).Find", "conntable.(*Table).Look"}},
	{"step", []string{"handshake.(*Machine).Step"}},
	{"timers", []string{"timers.", ").rearm"}},
	{"build", []string{"linklayer.Emit", "handshake.(*Machine).Output", ").emit"}},
	{"transmit", []string{"tcpclient.(*transmitter)"}},
	{"end", []string{"tcpclient.(*Worker).Close", "tcpclient.(*Worker).remove"}},
	{"events", []string{").result", ").deliver"}},
	{"receive", []string{"tcpclient.(*Worker).receive", "tcpclient.(*Worker).resolve"}},
	{Turn, nil},
}

// Turn is the component of what a worker does around the others.
const Turn = "the turn"

// PartOf is the component that a function stands for.
func PartOf(function string) (component string, ok bool) {
	for k := range parts {
		if slices.ContainsFunc(parts[k].functions, func(f string) bool { return strings.Contains(function, f) }) {
			return parts[k].name, true
		}
	}
	return "", false
}

// IsOurs says whether a component is the library's.
func IsOurs(component string) bool {
	return slices.ContainsFunc(parts[2:], func(p part) bool { return p.name == component })
}

// components reads a CPU profile: each part's share of the samples that are not
// the device's.
func components(in io.Reader) (all []Component, samples int64, err error) {
	p, err := profile.Parse(in)
	if err != nil {
		return nil, 0, fmt.Errorf("stack: read the profile: %w", err)
	}
	counts := make([]int64, len(parts))
	for _, s := range p.Sample {
		if k := partOf(s); k >= 0 {
			counts[k] += s.Value[0]
		}
	}
	for k := range counts[1:] {
		samples += counts[1+k]
	}
	for k, part := range parts[1:] {
		if n := counts[1+k]; n > 0 {
			all = append(all, Component{part.name, float64(n) / float64(samples)})
		}
	}
	slices.SortStableFunc(all, func(a, b Component) int {
		switch {
		case a.Share > b.Share:
			return -1
		case a.Share < b.Share:
			return 1
		}
		return 0
	})
	return all, samples, nil
}

// partOf is the part that a sample was taken in; -1 outside of the client.
func partOf(s *profile.Sample) int {
	inside := false
	for _, l := range s.Location {
		for _, line := range l.Line {
			name := line.Function.Name
			for k := range parts {
				if slices.ContainsFunc(parts[k].functions, func(f string) bool { return strings.Contains(name, f) }) {
					return k
				}
			}
			inside = inside || strings.Contains(name, "tcpclient.(*Client).Step")
		}
	}
	if inside {
		return len(parts) - 1
	}
	return -1
}
