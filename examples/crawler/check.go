package main

import (
	"errors"
	"fmt"
	"sync"

	"myriad/examples/internal/crawl"
	"myriad/examples/internal/demoweb"
	"myriad/examples/internal/fetch"
)

// checker compares a crawl of the demo web with what there is to be found.
type checker struct {
	mu       sync.Mutex
	expected map[string]demoweb.Outcome // what is still to come
	wrong    []string
}

// wrongMax is how many deviations are told.
const wrongMax = 5

func newChecker(w *demoweb.Web) *checker {
	c := &checker{expected: make(map[string]demoweb.Outcome, w.Count())}
	for u, o := range w.Each {
		c.expected[u] = o
	}
	return c
}

// note takes a record.
func (c *checker) note(r *crawl.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	want, ok := c.expected[r.URL]
	delete(c.expected, r.URL)
	if !ok || !fits(want, r) {
		c.wrong = append(c.wrong, fmt.Sprintf("%s: status %d, %q (%s)", r.URL, r.Status, r.Error, r.Detail))
	}
}

func fits(want demoweb.Outcome, r *crawl.Record) bool {
	switch want {
	case demoweb.Found:
		return r.Status == 200 && r.Error == ""
	case demoweb.Redirected:
		return r.Status/100 == 3 && r.Location != "" && r.Error == ""
	case demoweb.NotFound:
		return r.Status == 404 && r.Error == ""
	case demoweb.Forbidden:
		return r.Error == crawl.Disallowed
	case demoweb.PortClosed:
		return r.Error == fetch.Refused
	case demoweb.NoAnswer:
		return r.Error == fetch.TimedOut || r.Error == fetch.DeadlineExceeded
	case demoweb.HostUnreachable:
		return r.Error == fetch.Unreachable
	case demoweb.NoName:
		return r.Error == fetch.NoSuchName
	}
	return false
}

// verdict is nil if every URL came once and ended as it should.
func (c *checker) verdict() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	if len(c.expected) > 0 {
		for u := range c.expected {
			errs = append(errs, fmt.Errorf("demo: %d URLs were not reached, such as %s", len(c.expected), u))
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
	return errors.Join(errs...)
}
