package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/crawl"
	"myriad/examples/internal/demoweb"
	"myriad/internal/testbed"
)

// readRepeats reads records of which some may have come twice, and counts
// those.
func readRepeats(t *testing.T, path string) (records map[string]*crawl.Record, repeats int) {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	records = make(map[string]*crawl.Record)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		r := new(crawl.Record)
		require.NoError(t, json.Unmarshal(lines.Bytes(), r), lines.Text())
		if records[r.URL] != nil {
			repeats++
		}
		records[r.URL] = r
	}
	require.NoError(t, lines.Err())
	return records, repeats
}

// TestResume kills a crawl again and again, and lets the same command go on.
func TestResume(t *testing.T) {
	testbed.Require(t)
	const pages, hosts, kills = 4000, 80, 4
	dir := t.TempDir()
	out := filepath.Join(dir, "out.jsonl")
	args := []string{"-demo-pages", "4000", "-demo-hosts", "80", "-demo-seed", "5", "-parallel", "64",
		"-state", filepath.Join(dir, "state"), "-out", out}
	last := 0
	for range kills {
		cmd, stderr := command(t, args...)
		require.NoError(t, cmd.Start())
		begun := fileSize(out)
		require.Eventually(t, func() bool { return fileSize(out) > begun+100_000 }, time.Minute, time.Millisecond, stderr)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		records, _ := readRepeats(t, out)
		require.Greater(t, len(records), last, "each run gets further")
		last = len(records)
	}
	cmd, stderr := command(t, args...)
	require.NoError(t, cmd.Run(), stderr)
	require.Contains(t, stderr.String(), "Finished")
	records, repeats := readRepeats(t, out)
	requireCrawled(t, demoweb.Default(5, pages, hosts), records)
	// In hand when it was killed: at most as many as -parallel, and those whose
	// end was still on its way to the log.
	require.LessOrEqual(t, repeats, kills*2*64)

	size := fileSize(out)
	cmd, stderr = command(t, args...)
	require.NoError(t, cmd.Run(), stderr)
	require.Equal(t, size, fileSize(out), "there is nothing left to do")
	requireNothingLeft(t)
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
