package jsonl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type entry struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

func textOf(n int) string {
	random := rand.New(rand.NewPCG(uint64(n), 7))
	length := random.IntN(400)
	if n%50 == 0 {
		length = random.IntN(PageBytes - 50)
	}
	return strings.Repeat("x", length)
}

// readWhole reads a file of lines of JSON and fails for anything else in it.
func readWhole(t *testing.T, path string) []entry {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	if len(content) > 0 {
		require.Equal(t, byte('\n'), content[len(content)-1], "the last line is whole")
	}
	var entries []entry
	lines := bufio.NewScanner(bytes.NewReader(content))
	offset := 0
	for lines.Scan() {
		var e entry
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e), "line %d", len(entries))
		require.Equal(t, textOf(e.N), e.Text)
		end := offset + len(lines.Bytes())
		require.Equal(t, offset/PageBytes, end/PageBytes, "line %d is within one page", len(entries))
		offset = end + 1
		entries = append(entries, e)
	}
	require.NoError(t, lines.Err())
	return entries
}

func TestEveryLineIsWholeAndWithinAPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	for round := range 2 { // the second adds to the first
		w, f, err := Open(path)
		require.NoError(t, err)
		var writers sync.WaitGroup
		for k := range 4 {
			writers.Go(func() {
				for n := k; n < 1000; n += 4 {
					if err := w.Write(entry{n, textOf(n)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
		require.NoError(t, f.Close())
		require.Len(t, readWhole(t, path), 1000*(round+1))
	}
}

func TestLinesGoIntoPipesAsTheyAre(t *testing.T) {
	r, out, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	w := NewWriter(out)
	require.NoError(t, w.Write(entry{1, "a&b<c>"}))
	require.NoError(t, out.Close())
	got := new(bytes.Buffer)
	_, err = got.ReadFrom(r)
	require.NoError(t, err)
	require.Equal(t, `{"n":1,"text":"a&b<c>"}`+"\n", got.String())
}

func TestShellAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer f.Close()
	w := NewWriter(f)
	for n := 1; n < 50; n++ { // short lines only
		require.NoError(t, w.Write(entry{n, textOf(n)}))
	}
	require.Len(t, readWhole(t, path), 49)
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.jsonl")
	w, f, err := Open(path)
	require.NoError(t, err)
	defer f.Close()
	require.ErrorIs(t, w.Write(entry{0, strings.Repeat("x", PageBytes)}), ErrLong)
	require.NoError(t, w.Write(entry{2, textOf(2)}), "a refused line does no harm")
	_, _, err = Open(path)
	require.ErrorContains(t, err, "another process is writing to it")

	torn := filepath.Join(dir, "torn")
	require.NoError(t, os.WriteFile(torn, []byte(`{"n":`), 0o600))
	_, _, err = Open(torn)
	require.ErrorContains(t, err, "does not end with a whole line")
	_, _, err = Open(filepath.Join(dir, "none", "x"))
	require.ErrorContains(t, err, "no such file")
}

func TestFailureStays(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full:", err)
	}
	defer full.Close()
	w := NewWriter(full)
	first := w.Write(entry{1, ""})
	require.ErrorContains(t, first, "no space left")
	require.Equal(t, first, w.Write(entry{2, ""}))
}

// TestKill kills a process that writes as fast as it can, again and again.
func TestKill(t *testing.T) {
	if path := os.Getenv("JSONL_TEST_WRITE"); path != "" {
		w, _, err := Open(path)
		require.NoError(t, err)
		fmt.Println("ready")
		for n := 0; ; n++ {
			require.NoError(t, w.Write(entry{n, textOf(n)}))
		}
	}
	path := filepath.Join(t.TempDir(), "out.jsonl")
	written, size := 0, int64(0)
	for round := range 10 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "JSONL_TEST_WRITE="+path)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		require.Eventually(t, func() bool { // it has written more
			info, err := os.Stat(path)
			return err == nil && info.Size() > size
		}, time.Minute, time.Millisecond)
		time.Sleep(time.Duration(round) * time.Millisecond)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		entries := readWhole(t, path)
		require.GreaterOrEqual(t, len(entries), written, "nothing was lost")
		written = len(entries)
		info, err := os.Stat(path)
		require.NoError(t, err)
		size = info.Size()
	}
	require.NotZero(t, written)
}

func TestPagesAmongLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	w, f, err := Open(path)
	require.NoError(t, err)
	defer f.Close()
	page := bytes.Repeat([]byte(`{"a":1}`+"        \n"), PageBytes/16)
	require.Len(t, page, PageBytes)
	require.NoError(t, w.Write(map[string]int{"b": 2}))
	require.NoError(t, w.WritePages(page))
	require.NoError(t, w.WritePages(page[:160]))
	require.NoError(t, w.Write(map[string]int{"c": 3}))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, page, content[PageBytes:2*PageBytes], "in pages of the file, too")
	lines := 0
	for line := range bytes.Lines(content) {
		require.True(t, json.Valid(line), string(line))
		lines++
	}
	require.Equal(t, 1+PageBytes/16+10+1, lines)
}
