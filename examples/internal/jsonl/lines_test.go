package jsonl

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Lines in bulk land in the file as they would one by one, and cross no page.
func TestWriteLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lines")
	w, f, err := Open(path)
	require.NoError(t, err)
	defer f.Close()
	var lines []byte
	count := 0
	for k := range 3000 {
		lines = append(lines, `{"a":"`...)
		lines = append(lines, bytes.Repeat([]byte{'x'}, k*37%1500)...)
		lines = append(lines, "\"}\n"...)
		if k%7 == 0 {
			require.NoError(t, w.WriteLines(lines))
			lines = lines[:0]
		}
		count++
	}
	require.NoError(t, w.WriteLines(lines))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	offset := 0
	for line := range bytes.Lines(content) {
		require.True(t, json.Valid(line))
		trimmed := bytes.TrimRight(line, " \n")
		require.Equal(t, offset/PageBytes, (offset+len(trimmed)-1)/PageBytes, "crosses a page at %d", offset)
		offset += len(line)
		count--
	}
	require.Zero(t, count)
	require.ErrorIs(t, w.WriteLines(append(bytes.Repeat([]byte{'x'}, PageBytes), '\n')), ErrLong)
	require.Error(t, w.WriteLines([]byte("{}")))
}

// half keeps the first byte of each line.
type half struct{}

func (half) Append(dst, lines []byte) []byte {
	for line := range bytes.Lines(lines) {
		dst = append(dst, line[0], '\n')
	}
	return dst
}

func TestSelectCutsEveryLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	w, f, err := Open(path)
	require.NoError(t, err)
	defer f.Close()
	w.Select(half{})
	require.NoError(t, w.Write(123))
	require.NoError(t, w.WriteLines([]byte("456\n789\n")))
	require.NoError(t, w.WritePages(append(bytes.Repeat([]byte{'1'}, PageBytes-1), '\n')))
	require.NoError(t, w.Sync())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "1\n4\n7\n1\n", string(content))
}
