package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/require"

	"myriad/examples/internal/demoweb"
	"myriad/examples/internal/endtest"
	"myriad/examples/internal/program"
	"myriad/internal/testbed"
)

// TestFullDiskUnderTheStore crawls with -state on a disk that fills up: the
// exit code says so, and with more room the same command finds the rest.
func TestFullDiskUnderTheStore(t *testing.T) {
	testbed.Require(t)
	t.Parallel()
	const pages, hosts, parallel = 3000, 60, "32"
	out := filepath.Join(t.TempDir(), "out.jsonl")
	args := []string{"-demo-pages", "3000", "-demo-hosts", "60", "-parallel", parallel, "-out", out, "-state"}
	cmd, stderr := endtest.Command(t, append(args, "state")...)
	_, kept := endtest.SmallDisk(t, cmd, "250")
	require.Equal(t, program.WriteFailed, endtest.ExitCode(cmd.Run()), stderr)
	require.Contains(t, stderr.String(), "-state: ")
	require.Contains(t, stderr.String(), "no space left on device")
	require.Contains(t, stderr.String(), "make room")
	before, _ := readRepeats(t, out)
	require.Greater(t, len(before), 100)
	require.Less(t, len(before), pages)

	endtest.Run(t, program.Finished, append(args, filepath.Join(kept, "state"))...)
	records, repeats := readRepeats(t, out)
	requireCrawled(t, demoweb.Default(1, pages, hosts), records)
	require.Less(t, repeats, len(before)/2, "few come again")
	endtest.RequireNothingLeft(t)
}

// TestAStoreOfAnotherVersion is told, and left as it is.
func TestAStoreOfAnotherVersion(t *testing.T) {
	testbed.Require(t)
	dir := t.TempDir()
	args := []string{"-demo-pages", "20", "-demo-hosts", "8", "-out", filepath.Join(dir, "out.jsonl"), "-state", filepath.Join(dir, "state")}
	endtest.Run(t, program.Finished, args...)
	db, err := pebble.Open(filepath.Join(dir, "state", "store"), &pebble.Options{FormatMajorVersion: pebble.FormatNewest})
	require.NoError(t, err)
	require.NoError(t, db.Set([]byte("v"), []byte("myriad frontier 0"), pebble.Sync))
	require.NoError(t, db.Close())
	_, stderr := endtest.Run(t, program.StateRefused, args...)
	require.Contains(t, stderr, `"myriad frontier 0"`)
	require.Contains(t, stderr, "another folder")
	endtest.RequireNothingLeft(t)
}

// TestTheClustersServerGoesAway stops it in mid-crawl, and starts it again with
// what it had: the crawl says so, waits, and finds everything once.
func TestTheClustersServerGoesAway(t *testing.T) {
	c := newClub(t, 1)
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out.jsonl")
	cmd, stderr := c.start(t, 0, "-cluster", c.natsFrom(0), "-out", out)
	require.Eventually(t, func() bool { return fileSize(out) > 20_000 }, 2*time.Minute, 5*time.Millisecond, stderr)
	c.server.Stop()
	before := fileSize(out)
	time.Sleep(2 * time.Second) // longer than anything that was on its way
	c.server.Start()
	require.Equal(t, program.Finished, endtest.ExitCode(cmd.Wait()), stderr)
	require.Contains(t, stderr.String(), "away")
	require.Contains(t, stderr.String(), "back")
	require.Greater(t, fileSize(out), before)
	records := readFile(t, out)
	require.Len(t, records, c.web.Count())
	for p := range c.web.Pages {
		require.Equal(t, 200, records[c.web.PageURL(p)].Status)
	}
	endtest.RequireNothingLeft(t)
}
