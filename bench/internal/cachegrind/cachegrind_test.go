package cachegrind

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	functions, err := parse(strings.NewReader(`desc: I1 cache: 32768 B
cmd: bench
events: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw 
fl=a.go
fn=one
10 5 1 1 2 1 0 3 1 1
11 7
fn=two
3 1 0 0 0 0 0 1
fl=b.go
fn=one
1 1
summary: 14 1 1 2 1 0 4 1 1
`))
	require.NoError(t, err)
	require.Equal(t, map[string]Counts{
		"one": {Instructions: 13, CodeMisses: 1, DataAccesses: 5, DataMisses: 2, LastMisses: 2},
		"two": {Instructions: 1, DataAccesses: 1},
	}, functions)
}

func TestParseRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, text := range []string{"", "events: Ir\n", events + "\nfn=f\n1 x\n", events + "\nfn=f\n1 1 2 3 4 5 6 7 8 9 10\n"} {
		_, err := parse(strings.NewReader(text))
		require.Error(t, err, text)
	}
}

func TestWithoutValgrind(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Run(context.Background(), "true")
	require.ErrorIs(t, err, ErrNotInstalled)
}

// What valgrind says is in the error, and nothing is left behind.
func TestValgrindThatRefuses(t *testing.T) {
	bin, temporary := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(bin+"/valgrind", []byte("#!/bin/sh\necho begin >&2\necho unknown processor >&2\nexit 1\n"), 0o755))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("TMPDIR", temporary)
	_, err := Run(context.Background(), "true")
	require.ErrorContains(t, err, "unknown processor")
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left)
}
