//go:build !linux

package stack

import "time"

var started = time.Now()

// threadTime is the time on the wall here.
func threadTime() time.Duration { return time.Since(started) }
