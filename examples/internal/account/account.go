// Package account has the account that a program gives of its run at one
// instant. The progress line, -status json, -metrics and -report all show
// this, so that their counts agree.
package account

import (
	"myriad/examples/internal/latency"
	"myriad/examples/internal/outcome"
	"myriad/tcpclient"
)

// Account is how a run stands. Its maps belong to whoever was given it.
type Account struct {
	// Done are the targets that have an outcome, and Known those known so
	// far; the sum of Outcomes is Done. While Growing, more may become known
	// than is foreseen, and no time left is told.
	Done, Known int64
	Growing     bool
	// Found are the targets with a result.
	Found int64
	// Outcomes count every target that is done, by what became of it.
	Outcomes map[string]int64
	// Counters are the program's own, by name (snake_case).
	Counters map[string]int64
	// Stack are the library's.
	Stack tcpclient.Stats
	// Latency has the delays of answers; nil where none are taken.
	Latency *latency.Distribution
	// Bounds are the promises kept to others.
	Bounds []Bound
}

// Bound is a promise to others, and the most that was seen of it.
type Bound struct {
	Name  string  // with the unit: "requests at a time per server"
	Limit float64 // 0 is none
	Peak  float64
	// Least: the limit is one from below, as that of a pause, and Peak the least
	// that was seen; 0 is nothing seen.
	Least bool
}

// Used is how much of the limit was made use of, 1 for all of it.
func (b *Bound) Used() float64 {
	switch {
	case b.Limit == 0 || b.Peak == 0:
		return 0
	case b.Least:
		return b.Limit / b.Peak
	}
	return b.Peak / b.Limit
}

// NotLooked is the number of targets that are done without having been looked
// at: the fault is ours, or we were not to.
func (a *Account) NotLooked() int64 { return outcome.SumNotLooked(a.Outcomes) }

// Share is the part of what is known that is done, 0 to 1.
func (a *Account) Share() float64 {
	if a.Known <= a.Done {
		return 1
	}
	return float64(a.Done) / float64(a.Known)
}
