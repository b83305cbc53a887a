// Package outcome has the words for what became of a target, which all
// programs use in their lines, summaries, metrics and reports, and keeps count.
//
// The words fall into three kinds: found (there is a result), nothing (we
// looked, and there was none), and not looked (the fault is ours, or we were
// not to). A program may have words of its own; those count as nothing unless
// it says otherwise.
package outcome

import "sync/atomic"

// Words that programs share.
const (
	Refused     = "refused"                  // RST, or ICMP port unreachable
	Reset       = "reset"                    // after the connection stood
	TimedOut    = "timed out"                // no answer to all attempts
	Deadline    = "deadline exceeded"        // it took longer than is given to a target
	Unreachable = "unreachable"              // ICMP said so
	TooLarge    = "too large"                // more bytes than are read of a target
	CutShort    = "cut short"                // the stream ended before the answer did
	Excluded    = "excluded"                 // by the exclusions; not looked at
	NoRoute     = "no route"                 // no way to it by our interface; not looked at
	NoMemory    = "no memory"                // our own drop; not looked at
	DeviceGone  = "device gone"              // our own end; not looked at
	ShutDown    = "shut down"                // our own end; not looked at
	Failed      = "failed"                   // our own failure, of another kind; not looked at
	Disallowed  = "disallowed by robots.txt" // not looked at
)

// NotLooked reports whether a target with this word was not looked at.
func NotLooked(word string) bool {
	switch word {
	case Excluded, Disallowed, NoRoute, NoMemory, DeviceGone, ShutDown, Failed:
		return true
	}
	return false
}

// Counts counts targets by words that are known beforehand. Any number of
// goroutines may add and read; adding is one atomic addition.
type Counts struct {
	words []string
	n     []atomic.Int64
}

// NewCounts makes counts for words; a word's index is its number.
func NewCounts(words ...string) *Counts {
	return &Counts{words: words, n: make([]atomic.Int64, len(words))}
}

// Add counts a target under the word with the number.
func (c *Counts) Add(number int) { c.n[number].Add(1) }

// Map returns the counts that are not zero, by word.
func (c *Counts) Map() map[string]int64 {
	all := make(map[string]int64, len(c.words))
	for k := range c.n {
		if n := c.n[k].Load(); n > 0 {
			all[c.words[k]] += n
		}
	}
	return all
}

// Sum is the number of targets in a map of counts.
func Sum(counts map[string]int64) (total int64) {
	for _, n := range counts {
		total += n
	}
	return total
}

// SumNotLooked is the number of targets that were not looked at.
func SumNotLooked(counts map[string]int64) (total int64) {
	for word, n := range counts {
		if NotLooked(word) {
			total += n
		}
	}
	return total
}
