package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	roundsDefault          = 3
	compareDurationDefault = time.Second
)

// compares reads -methods, and refuses what not all of them can do.
func (o *connectOptions) compares(methods string, given map[string]bool) error {
	if methods == "" {
		if given["rounds"] {
			return errors.New("-rounds needs -methods")
		}
		return nil
	}
	o.methods = strings.Split(methods, ",")
	for k, m := range o.methods {
		switch {
		case !slices.Contains(methodNames, m):
			return fmt.Errorf("-methods: %q is none of %s", m, strings.Join(methodNames, ", "))
		case slices.Contains(o.methods[:k], m):
			return fmt.Errorf("-methods: %q is there twice", m)
		}
	}
	if !given["duration"] {
		o.duration = compareDurationDefault
	}
	switch {
	case o.rounds < 1 || o.rounds > 1000:
		return fmt.Errorf("-rounds %d is not within 1 to 1000", o.rounds)
	case o.connections > 0:
		return errors.New("-methods compares connections per second: leave -connections out")
	case o.rate > 0:
		return errors.New("-methods compares what is reached without a limit: leave -rate out")
	case o.verify:
		return errors.New("-methods: the kernel leaves its checksums to the device, so the far end cannot -verify them")
	case o.window < max(slices.Max(o.queues), queuesDefault):
		return fmt.Errorf("-window %d is below one connection for each queue", o.window)
	case (slices.Contains(o.methods, "bare") || slices.Contains(o.methods, "bare-live")) && o.count > 0 && o.count < max(slices.Max(o.queues), queuesDefault):
		return fmt.Errorf("-count %d is below one connection for each queue", o.count)
	}
	return o.compareEnds()
}
