//go:build !linux

package cpu

import "time"

// Pin does nothing here.
func Pin(workers, k int) {}

// Sleep has the calling goroutine sleep.
func Sleep(d time.Duration) { time.Sleep(d) }
