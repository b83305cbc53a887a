package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"myriad/bench/internal/wire"
)

// deviceDrops are what the two ends of the veth count as dropped: the sending
// end what did not fit into the receiving end's ring, the receiving end what
// its XDP program could not pass on.
type deviceDrops struct{ transmit, receive uint64 }

func (d deviceDrops) since(before deviceDrops) deviceDrops {
	return deviceDrops{d.transmit - before.transmit, d.receive - before.receive}
}

func (w *receiveWorld) deviceDrops() (d deviceDrops, err error) {
	err = w.EnterFar(func() (err error) {
		_, d.transmit, err = readDrops(wire.FarInterface)
		return err
	})
	if err != nil {
		return d, err
	}
	err = w.Enter(func() (err error) {
		d.receive, _, err = readDrops(wire.Interface)
		return err
	})
	return d, err
}

// readDrops reads an interface's drops in the calling thread's namespace.
func readDrops(name string) (receive, transmit uint64, err error) {
	// /proc/net would be the main thread's namespace.
	text, err := os.ReadFile("/proc/thread-self/net/dev")
	if err != nil {
		return 0, 0, fmt.Errorf("reading the drops of %s: %w", name, err)
	}
	return parseDrops(string(text), name)
}

// parseDrops reads /proc/net/dev, where the drops are the fourth of eight
// numbers for each direction.
func parseDrops(text, name string) (receive, transmit uint64, err error) {
	for line := range strings.Lines(text) {
		device, numbers, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(device) != name {
			continue
		}
		fields := strings.Fields(numbers)
		if len(fields) < 16 {
			return 0, 0, fmt.Errorf("reading the drops of %s: %d numbers, want 16", name, len(fields))
		}
		if receive, err = strconv.ParseUint(fields[3], 10, 64); err == nil {
			transmit, err = strconv.ParseUint(fields[11], 10, 64)
		}
		return receive, transmit, err
	}
	return 0, 0, fmt.Errorf("reading the drops of %s: there is no such interface", name)
}
