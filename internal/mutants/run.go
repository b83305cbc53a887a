package main

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// report is how one mutant fared.
type report struct {
	*mutant
	err  error // nil: as it should be
	took time.Duration
}

// runAll runs every mutant, some at a time, after the tests that they name
// have passed without any. each is called with every report, one at a time.
func runAll(root string, list []*mutant, atOnce int, each func(*report)) error {
	if err := unmutated(root, list); err != nil {
		return err
	}
	var mu sync.Mutex
	var running sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for _, m := range list {
		free <- struct{}{}
		running.Go(func() {
			begun := time.Now()
			err := m.judge(root)
			mu.Lock()
			each(&report{m, err, time.Since(begun).Round(100 * time.Millisecond)})
			mu.Unlock()
			<-free
		})
	}
	running.Wait()
	return nil
}

// unmutated runs the tests that mutants name on the code as it is.
func unmutated(root string, list []*mutant) error {
	names := map[run][]string{}
	for _, m := range list {
		for _, t := range m.tests {
			if !slices.Contains(names[t.run], t.name) {
				names[t.run] = append(names[t.run], t.name)
			}
		}
	}
	for r, names := range names {
		o, err := r.goTest(root, "", names)
		if err != nil {
			return fmt.Errorf("mutants: %s: %w", r.pkg, err)
		}
		for _, name := range names {
			if !o.passed[name] {
				return fmt.Errorf("mutants: %s %s does not pass without a mutant, or is not there:\n%s", r.pkg, name, o.output)
			}
		}
	}
	return nil
}

// judge runs the mutant's tests on the code with it. The error is nil when all
// of them fail, or all pass for the harmless one.
func (m *mutant) judge(root string) error {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return fmt.Errorf("mutants: %w", err)
	}
	defer os.RemoveAll(dir)
	overlay, err := m.overlay(root, dir)
	if err != nil {
		return err
	}
	for _, t := range m.tests {
		o, err := t.goTest(root, overlay, []string{t.name})
		switch {
		case err != nil:
			return err
		case m.harmless() && o.failed[t.name]:
			return fmt.Errorf("%s %s fails, though nothing is wrong:\n%s", t.pkg, t.name, o.output)
		case !m.harmless() && !o.failed[t.name]:
			return fmt.Errorf("survives: %s %s passes", t.pkg, t.name)
		}
	}
	return nil
}
