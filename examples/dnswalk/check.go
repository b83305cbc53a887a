package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"myriad/examples/internal/demodns"
	"myriad/examples/internal/iterate"
	"myriad/examples/internal/program"
)

// checker compares a walk of the demo with what there is to be found.
type checker struct {
	mu       sync.Mutex
	expected map[iterate.Question]demodns.Want // what is still to come
	wrong    []string
}

// wrongMax is how many deviations are told.
const wrongMax = 5

func newChecker(t demodns.Tree) *checker {
	c := &checker{expected: map[iterate.Question]demodns.Want{}}
	for w := range t.Each {
		c.expected[iterate.Question{Name: w.Name, Type: w.Type}] = w
	}
	return c
}

// note takes a result.
func (c *checker) note(r *iterate.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	want, ok := c.expected[r.Question]
	delete(c.expected, r.Question)
	if !ok || !fits(&want, r) {
		c.wrong = append(c.wrong, fmt.Sprintf("%s %v: %v %q with %d answers", r.Question.Name, r.Question.Type,
			r.RCode, r.Failure, r.Answers()))
	}
}

func fits(w *demodns.Want, r *iterate.Result) bool {
	if w.RCode == "" {
		return slices.Contains(w.Fails, string(r.Failure))
	}
	return r.Failure == "" && iterate.RCodeName(r.RCode) == w.RCode && r.Answers() == w.Answers &&
		(w.Data == "" || r.LastData() == w.Data)
}

// skip takes a name that was resolved before, by the run that this one goes on
// from.
func (c *checker) skip(q iterate.Question) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.expected, q)
}

// verdict is nil if every name came once and ended as it should.
func (c *checker) verdict() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	if len(c.expected) > 0 {
		for q := range c.expected {
			errs = append(errs, fmt.Errorf("demo: %d names have no result, such as %s", len(c.expected), q.Name))
			break
		}
	}
	for i, text := range c.wrong {
		if i == wrongMax {
			errs = append(errs, fmt.Errorf("demo: and %d more", len(c.wrong)-i))
			break
		}
		errs = append(errs, errors.New("demo: not as it should be: "+text))
	}
	return program.Fail(program.DemoWrong, errors.Join(errs...))
}
