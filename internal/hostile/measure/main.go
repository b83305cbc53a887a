// Command measure plays the attacks of package hostile, in two sizes, and
// leaves the coverage counters of each run in a directory of its own: how many
// statements it had the library execute. It is built with -cover
// -covermode=atomic, by a test.
//
//	measure DIRECTORY SIZE SIZE
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/coverage"
	"strconv"

	"myriad/internal/hostile"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: measure DIRECTORY SIZE SIZE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(directory string, sizes []string) error {
	for index, a := range hostile.Attacks() {
		for _, size := range sizes {
			n, err := strconv.Atoi(size)
			if err != nil {
				return fmt.Errorf("size %q: %w", size, err)
			}
			into := filepath.Join(directory, fmt.Sprintf("%d-%s", index, size))
			if err := measure(&a, n, into); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure counts what is executed between the attack's first packet and its
// last.
func measure(a *hostile.Attack, n int, into string) error {
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	_, err := hostile.Run(a, n, false, coverage.ClearCounters, func() error {
		if err := coverage.WriteMetaDir(into); err != nil {
			return err
		}
		return coverage.WriteCountersDir(into)
	})
	return err
}
