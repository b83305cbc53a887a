// Package netdev reads what a network device counts, in the calling thread's
// network namespace.
package netdev

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Counters are a device's since it was made. Bytes are those of frames without
// padding and check sequence.
type Counters struct {
	ReceivedBytes, Received, ReceiveDrops uint64
	SentBytes, Sent, SendDrops            uint64
}

// Since is what was counted after earlier.
func (c Counters) Since(earlier Counters) Counters {
	return Counters{
		c.ReceivedBytes - earlier.ReceivedBytes, c.Received - earlier.Received, c.ReceiveDrops - earlier.ReceiveDrops,
		c.SentBytes - earlier.SentBytes, c.Sent - earlier.Sent, c.SendDrops - earlier.SendDrops,
	}
}

// Read reads a device's.
func Read(name string) (Counters, error) {
	// /proc/net would be the main thread's namespace.
	text, err := os.ReadFile("/proc/thread-self/net/dev")
	if err != nil {
		return Counters{}, fmt.Errorf("netdev: %s: %w", name, err)
	}
	return parse(string(text), name)
}

// parse reads /proc/net/dev: eight numbers for each direction, of which the
// first are bytes, packets, errors and drops.
func parse(text, name string) (c Counters, err error) {
	for line := range strings.Lines(text) {
		device, numbers, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(device) != name {
			continue
		}
		fields := strings.Fields(numbers)
		if len(fields) < 16 {
			return c, fmt.Errorf("netdev: %s: %d numbers, want 16", name, len(fields))
		}
		for _, n := range []struct {
			to *uint64
			at int
		}{{&c.ReceivedBytes, 0}, {&c.Received, 1}, {&c.ReceiveDrops, 3}, {&c.SentBytes, 8}, {&c.Sent, 9}, {&c.SendDrops, 11}} {
			if *n.to, err = strconv.ParseUint(fields[n.at], 10, 64); err != nil {
				return c, fmt.Errorf("netdev: %s: %w", name, err)
			}
		}
		return c, nil
	}
	return c, fmt.Errorf("netdev: %s: there is no such interface", name)
}
