package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/crawl"
	"myriad/examples/internal/demoweb"
	"myriad/examples/internal/endtest"
	"myriad/examples/internal/jsonl"
	"myriad/examples/internal/program"
	"myriad/internal/testbed"
)

// fillDisk runs a command on a disk of so many kilobytes, which its out.jsonl
// fills; it says so, and leaves whole lines. With room again the very same
// command finishes, and has those lines too.
func fillDisk(t *testing.T, kilobytes string, check func(line []byte) error, args ...string) (before, after [][]byte) {
	t.Helper()
	args = append(args, "-out", "out.jsonl", "-state", filepath.Join(t.TempDir(), "state"))
	cmd, stderr := endtest.Command(t, args...)
	_, kept := endtest.SmallDisk(t, cmd, kilobytes)
	require.Equal(t, program.WriteFailed, endtest.ExitCode(cmd.Run()), stderr)
	require.Contains(t, stderr.String(), "write out.jsonl: no space left on device")
	require.Contains(t, stderr.String(), "make room, and give the same command again")
	path := filepath.Join(kept, "out.jsonl")
	before = endtest.FileLines(t, path, check)
	require.NotEmpty(t, before)

	cmd, stderr = endtest.Command(t, args...)
	cmd.Dir = kept
	require.NoError(t, cmd.Run(), stderr)
	after = endtest.FileLines(t, path, check)
	there := make(map[string]bool, len(after))
	for _, line := range after {
		there[strings.TrimSpace(string(line))] = true // it may have been filled up since
	}
	for _, line := range before {
		require.True(t, there[strings.TrimSpace(string(line))], "%s is lost", line)
	}
	endtest.RequireNothingLeft(t)
	return before, after
}

// TestFullDisk crawls the demo web until -out has filled the disk.
func TestFullDisk(t *testing.T) {
	testbed.Require(t)
	t.Parallel()
	before, after := fillDisk(t, "250", pagesSchema.Check, "-demo-pages", "3000", "-demo-hosts", "60", "-parallel", "32")
	records := map[string]*crawl.Record{}
	for _, line := range after {
		r := new(crawl.Record)
		require.NoError(t, json.Unmarshal(line, r))
		records[r.URL] = r
	}
	requireCrawled(t, demoweb.Default(1, 3000, 60), records)
	require.Less(t, len(before), len(records))
	require.LessOrEqual(t, len(after)-len(records), 2*32, "only what was in hand comes again")
}

// TestFullDiskUnderTheArchive crawls until -warc has filled the disk.
func TestFullDiskUnderTheArchive(t *testing.T) {
	testbed.Require(t)
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out.jsonl")
	cmd, stderr := endtest.Command(t, "-demo-pages", "1000", "-demo-hosts", "30", "-out", out, "-warc", "archive")
	endtest.SmallDisk(t, cmd, "250")
	require.Equal(t, program.WriteFailed, endtest.ExitCode(cmd.Run()), stderr)
	require.Contains(t, stderr.String(), "-warc: ")
	require.Contains(t, stderr.String(), "no space left on device; make room")
	require.NotEmpty(t, endtest.FileLines(t, out, pagesSchema.Check))
	endtest.RequireNothingLeft(t)
}

// TestGnutellaFullDisk takes snapshots until -out has filled the disk: among
// the lines of nodes that were contacted, and among those of leaves at the end.
func TestGnutellaFullDisk(t *testing.T) {
	testbed.Require(t)
	t.Parallel()
	for among, kilobytes := range map[string]string{"nodes": "1000", "leaves": "6000"} {
		t.Run(among, func(t *testing.T) {
			before, after := fillDisk(t, kilobytes, nodesSchema.Check, "-protocol", "gnutella",
				"-demo-nodes", "10000", "-demo-seed", "3", "-max-known", "400000")
			contacted, leaves := countNodes(t, before)
			again := 0
			if among == "nodes" {
				require.Empty(t, leaves)
				require.Less(t, len(contacted), 10_000)
				again = 64 * jsonl.PageBytes / 100 // the piece that did not fit: a line has over 100 bytes
			} else {
				require.NotEmpty(t, leaves)
				require.Len(t, contacted, 10_000)
			}
			contacted, leaves = countNodes(t, after)
			require.Len(t, contacted, 10_000)
			require.Greater(t, len(leaves), 100_000)
			require.LessOrEqual(t, len(after)-len(contacted)-len(leaves), again, "contacted again")
		})
	}
}

// countNodes are the nodes that were contacted and the leaves that were named,
// by how many lines each has.
func countNodes(t *testing.T, lines [][]byte) (contacted, leaves map[string]int) {
	contacted, leaves = map[string]int{}, map[string]int{}
	for _, line := range lines {
		var node struct {
			Address string
			Parents int
		}
		require.NoError(t, json.Unmarshal(line, &node))
		if node.Parents > 0 {
			leaves[node.Address]++
		} else {
			contacted[node.Address]++
		}
	}
	return contacted, leaves
}
