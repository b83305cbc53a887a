package script

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// variants are the worlds in which every script must hold: sequence numbers
// and clocks that wrap around within it, and a device that cuts long segments.
var variants = []struct {
	name   string
	change func(*Settings)
}{
	{"plain", func(*Settings) {}},
	{"isn_2^32", func(s *Settings) { wrapAt(s, math.MaxUint32, 100) }},
	{"isn_2^31", func(s *Settings) { wrapAt(s, 1<<31-1, 2000) }},
	{"clock_2^32ms", func(s *Settings) { s.Clock = 1<<32*time.Millisecond - 150*time.Millisecond }},
	{"segments", func(s *Settings) { s.Segments = true }},
	{"clock_2^31ms", func(s *Settings) { s.Clock = 1<<31*time.Millisecond - 700*time.Millisecond }},
}

// wrapAt has both streams pass a number early on.
func wrapAt(s *Settings, edge, before uint32) {
	isn := edge - before
	s.ISN, s.IRS = &isn, edge-before/2
}

// TestScripts runs every script in every variant of the world, but for those
// of the checklist's rows, which have tests of their own.
func TestScripts(t *testing.T) {
	for _, file := range scripts(t, "*") {
		if name := scriptName(file); !strings.HasPrefix(name, "rfc") {
			t.Run(name, func(t *testing.T) { runFile(t, file) })
		}
	}
}

// runRow runs the scripts of one row.
func runRow(t *testing.T, row int) {
	t.Helper()
	files := scripts(t, fmt.Sprintf("rfc%02d_*", row))
	require.NotEmpty(t, files)
	for _, file := range files {
		_, name, _ := strings.Cut(scriptName(file), "_")
		t.Run(name, func(t *testing.T) { runFile(t, file) })
	}
}

func scripts(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/" + pattern + ".script")
	require.NoError(t, err)
	return files
}

func scriptName(file string) string { return strings.TrimSuffix(filepath.Base(file), ".script") }

func runFile(t *testing.T, file string) {
	t.Helper()
	s, err := Load(file)
	require.NoError(t, err)
	for k, v := range variants {
		if k > 0 && testing.Short() {
			break // the race detector's run is slow enough
		}
		if err := s.Run(Options{Change: v.change}); err != nil {
			t.Fatalf("variant %s: %v", v.name, err)
		}
	}
}
