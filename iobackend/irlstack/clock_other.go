//go:build !windows

package irlstack

import "time"

// started is the epoch of the clock.
var started = time.Now()

// now reads the clock.
func now() time.Duration { return time.Since(started) }
