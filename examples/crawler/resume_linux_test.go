package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/crawl"
	"myriad/examples/internal/demoweb"
	"myriad/examples/internal/endtest"
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
		cmd, stderr := endtest.Command(t, args...)
		require.NoError(t, cmd.Start())
		begun := fileSize(out)
		require.Eventually(t, func() bool { return fileSize(out) > begun+100_000 }, time.Minute, time.Millisecond, stderr)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		records, _ := readRepeats(t, out)
		require.Greater(t, len(records), last, "each run gets further")
		last = len(records)
	}
	cmd, stderr := endtest.Command(t, args...)
	require.NoError(t, cmd.Run(), stderr)
	require.Contains(t, stderr.String(), "Finished")
	records, repeats := readRepeats(t, out)
	requireCrawled(t, demoweb.Default(5, pages, hosts), records)
	// In hand when it was killed: at most as many as -parallel, and those whose
	// end was still on its way to the log.
	require.LessOrEqual(t, repeats, kills*2*64)

	size := fileSize(out)
	cmd, stderr = endtest.Command(t, args...)
	require.NoError(t, cmd.Run(), stderr)
	require.Equal(t, size, fileSize(out), "there is nothing left to do")
	require.Contains(t, stderr.String(), "has come to its end")
	endtest.RequireNothingLeft(t)
}

// TestWARC archives a crawl that is killed and goes on.
func TestWARC(t *testing.T) {
	testbed.Require(t)
	t.Parallel()
	dir := t.TempDir()
	out, archive := filepath.Join(dir, "out.jsonl"), filepath.Join(dir, "warc")
	args := []string{"-demo-pages", "600", "-demo-hosts", "40", "-state", filepath.Join(dir, "state"), "-out", out, "-warc", archive}
	cmd, stderr := endtest.Command(t, args...)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return fileSize(out) > 20_000 }, time.Minute, time.Millisecond, stderr)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	cmd, stderr = endtest.Command(t, args...)
	require.NoError(t, cmd.Run(), stderr)
	records, _ := readRepeats(t, out)
	requireCrawled(t, demoweb.Default(1, 600, 40), records)

	f, err := os.Open(filepath.Join(archive, "crawl-00000.warc.gz"))
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	digests := map[string]string{} // by URL
	var uri string
	lines := bufio.NewReader(z)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if text, ok := strings.CutPrefix(line, "WARC-Target-URI: "); ok {
			uri = strings.TrimSpace(text)
		}
		if text, ok := strings.CutPrefix(line, "WARC-Payload-Digest: "); ok {
			digests[uri] = strings.TrimSpace(text)
		}
	}
	replies := 0
	for u, r := range records {
		if r.Status != 0 {
			replies++
			require.Equal(t, r.Digest, digests[u])
		}
	}
	require.Len(t, digests, replies)
	endtest.RequireNothingLeft(t)
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
