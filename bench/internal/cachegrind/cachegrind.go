package cachegrind

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Caches are those that are simulated.
const Caches = "L1 32 KiB for code and 32 KiB for data, 8 ways; last level 32 MiB, 16 ways; lines of 64 bytes"

// arguments tell valgrind of Caches.
var arguments = []string{"--tool=cachegrind", "--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=33554432,16,64"}

// ErrNotInstalled says that there is nothing to run.
var ErrNotInstalled = errors.New("cachegrind: valgrind is not installed: install it, and have it in PATH")

// Counts are those of a function, or of several.
type Counts struct {
	Instructions int64 `json:"instructions"`
	CodeMisses   int64 `json:"l1_code_misses"`
	DataAccesses int64 `json:"data_accesses"`
	DataMisses   int64 `json:"l1_data_misses"`
	LastMisses   int64 `json:"last_level_misses"` // of data and code
}

// Add adds, times factor.
func (c *Counts) Add(other Counts, factor int64) {
	c.Instructions += factor * other.Instructions
	c.CodeMisses += factor * other.CodeMisses
	c.DataAccesses += factor * other.DataAccesses
	c.DataMisses += factor * other.DataMisses
	c.LastMisses += factor * other.LastMisses
}

// Run runs a command, and returns what each function did.
func Run(ctx context.Context, name string, args ...string) (functions map[string]Counts, err error) {
	valgrind, err := exec.LookPath("valgrind")
	if err != nil {
		return nil, ErrNotInstalled
	}
	dir, err := os.MkdirTemp("", "myriad-bench-")
	if err != nil {
		return nil, fmt.Errorf("cachegrind: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	out := filepath.Join(dir, "out")
	cmd := exec.CommandContext(ctx, valgrind, append(append(arguments[:len(arguments):len(arguments)], "--cachegrind-out-file="+out, name), args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("cachegrind: valgrind: %w: %s", err, lastLine(said.String()))
	}
	file, err := os.Open(out)
	if err != nil {
		return nil, fmt.Errorf("cachegrind: %w", err)
	}
	defer file.Close()
	return parse(file)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// events are what the columns of the file must be, after a line's number.
const events = "events: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw"

// parse reads a file that cachegrind wrote.
func parse(in io.Reader) (map[string]Counts, error) {
	functions := make(map[string]Counts)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	function, known := "", false
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "events:"):
			known = strings.TrimSpace(line) == events
		case strings.HasPrefix(line, "fn="):
			function = line[len("fn="):]
		case line != "" && line[0] >= '0' && line[0] <= '9':
			c, err := parseCounts(line)
			if err != nil {
				return nil, err
			}
			sum := functions[function]
			sum.Add(c, 1)
			functions[function] = sum
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("cachegrind: %w", err)
	}
	if !known {
		return nil, fmt.Errorf("cachegrind: the file's columns are not %q", events)
	}
	return functions, nil
}

// parseCounts reads a line; columns that are zero at its end may be missing.
func parseCounts(line string) (Counts, error) {
	var n [9]int64
	for k, field := range strings.Fields(line)[1:] {
		var err error
		if k == len(n) {
			return Counts{}, fmt.Errorf("cachegrind: %q has too many columns", line)
		}
		if n[k], err = strconv.ParseInt(field, 10, 64); err != nil {
			return Counts{}, fmt.Errorf("cachegrind: %q: %w", line, err)
		}
	}
	return Counts{
		Instructions: n[0], CodeMisses: n[1], DataAccesses: n[3] + n[6],
		DataMisses: n[4] + n[7], LastMisses: n[2] + n[5] + n[8],
	}, nil
}
