package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/endtest"
	"myriad/examples/internal/gnutella"
	"myriad/examples/internal/overlay"
	"myriad/examples/internal/program"
	"myriad/internal/testbed"
)

// readNodes reads whole lines of JSON, and counts them by kind and error.
func readNodes(t *testing.T, content []byte) map[string]int {
	t.Helper()
	require.True(t, len(content) == 0 || content[len(content)-1] == '\n', "the last line is whole")
	seen, kinds := make(map[string]bool), make(map[string]int)
	for line := range bytes.Lines(content) {
		var node struct{ Address, Kind, Error string }
		require.NoError(t, json.Unmarshal(line, &node), string(line))
		require.NoError(t, nodesSchema.Check(line), string(line))
		require.False(t, seen[node.Address], "each once")
		seen[node.Address] = true
		kinds[strings.TrimSpace(node.Kind+" "+node.Error)]++
	}
	return kinds
}

// TestGnutellaDemo takes a snapshot over AF_XDP and over AF_PACKET. The command
// itself compares every node and edge with the network, and fails otherwise.
func TestGnutellaDemo(t *testing.T) {
	testbed.Require(t)
	const nodes = "10000"
	o, err := overlay.New(3, 10000)
	require.NoError(t, err)
	for _, backend := range []string{"afxdp", "afpacket"} {
		t.Run(backend, func(t *testing.T) {
			edges := filepath.Join(t.TempDir(), "edges")
			cmd, stderr := endtest.Command(t, "-protocol", "gnutella", "-demo-nodes", nodes, "-demo-seed", "3",
				"-backend", backend, "-edges", edges, "-max-known", "200000", "-v", "-v")
			out, err := cmd.Output()
			require.NoError(t, err, stderr)
			for _, part := range []string{"Snapshot in", "10000 nodes contacted", "components  ", "1, the largest of 10000 nodes", "Every node and every edge",
				"settings (", "-demo-nodes: 10000", "device (name: myriad0, method: " + backend, "our addresses (", "why: busy, attempts: ", "politeness ("} {
				require.Contains(t, stderr.String(), part)
			}
			kinds := readNodes(t, out)
			require.Equal(t, 10000, kinds["ultrapeer"]+kinds["unknown busy"]+kinds["unknown refused"], kinds)
			require.Greater(t, kinds["leaf"], 100_000)
			requireEdges(t, o, edges, kinds["ultrapeer"])
			endtest.RequireNothingLeft(t)
		})
	}
}

// requireEdges compares a file of edges with the network.
func requireEdges(t *testing.T, o *overlay.Overlay, path string, ultrapeers int) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b, ok := bytes.CutPrefix(b, []byte("MYRIAD GNUTELLA EDGES 1\n"))
	require.True(t, ok)
	six := func() (a gnutella.Address) {
		a = gnutella.Address(binary.BigEndian.Uint32(b))<<16 | gnutella.Address(binary.BigEndian.Uint16(b[4:]))
		b = b[6:]
		return a
	}
	count := 0
	for ; len(b) > 0; count++ {
		node, ok := o.Node(six())
		require.True(t, ok)
		peers, leaves := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		b = b[4:]
		var list []gnutella.Address
		for range int(peers) + int(leaves) {
			list = append(list, six())
		}
		require.Equal(t, o.AppendPeers(nil, node), list[:peers])
		require.Equal(t, o.AppendLeaves(nil, node), list[peers:])
	}
	require.Equal(t, ultrapeers, count)
}

// TestGnutellaKilledAndInterrupted leaves whole lines behind, and says what
// there is.
func TestGnutellaKilledAndInterrupted(t *testing.T) {
	testbed.Require(t)
	for _, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		path := filepath.Join(t.TempDir(), "out.jsonl")
		cmd, stderr := endtest.Command(t, "-protocol", "gnutella", "-demo-nodes", "20000", "-rate", "5000", "-out", path, "-max-known", "1000000")
		require.NoError(t, cmd.Start())
		require.Eventually(t, func() bool {
			info, err := os.Stat(path)
			return err == nil && info.Size() > 0
		}, time.Minute, 5*time.Millisecond)
		require.NoError(t, cmd.Process.Signal(s))
		code := endtest.ExitCode(cmd.Wait())
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotEmpty(t, readNodes(t, content))
		if s == syscall.SIGINT {
			require.Equal(t, program.Interrupted, code, stderr)
			require.Contains(t, stderr.String(), "Interrupted: part of a snapshot")
		}
		endtest.RequireNothingLeft(t)
	}
}

// TestGnutellaGoesOn kills a snapshot, interrupts it, and has it end: every
// node and edge is found, and few are contacted twice.
func TestGnutellaGoesOn(t *testing.T) {
	testbed.Require(t)
	t.Parallel()
	folder := t.TempDir()
	path, dir := filepath.Join(folder, "out.jsonl"), filepath.Join(folder, "state")
	args := []string{"-protocol", "gnutella", "-demo-nodes", "20000", "-rate", "4000", "-out", path, "-max-known", "1000000", "-state", dir}
	for k, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGKILL, syscall.SIGINT} {
		cmd, stderr := endtest.Begin(t, path, 100_000, args...)
		require.NoError(t, cmd.Process.Signal(s))
		if code := endtest.ExitCode(cmd.Wait()); s == syscall.SIGINT {
			require.Equal(t, program.Interrupted, code, stderr)
			require.Contains(t, stderr.String(), "before ")
		}
		require.NotEmpty(t, endtest.FileLines(t, path, nodesSchema.Check), k)
	}
	_, stderr := endtest.Run(t, program.Finished, args...)
	require.Contains(t, stderr, "Every node and every edge of the demo network was found")
	require.Contains(t, stderr, "before ")
	contacted, leaves := map[string]int{}, map[string]int{}
	for _, line := range endtest.FileLines(t, path, nodesSchema.Check) {
		var node struct {
			Address string
			Parents int
		}
		require.NoError(t, json.Unmarshal(line, &node))
		if node.Parents > 0 {
			leaves[node.Address]++
			require.Equal(t, 1, leaves[node.Address])
		} else {
			contacted[node.Address]++
		}
	}
	require.Len(t, contacted, 20000)
	repeated := 0
	for _, n := range contacted {
		repeated += n - 1
	}
	require.Less(t, repeated, 20000/4, "of two kills")
	require.Greater(t, len(leaves), 200_000)
	_, stderr = endtest.Run(t, program.Finished, args...)
	require.Contains(t, stderr, "has come to its end")
	_, stderr = endtest.Run(t, program.StateRefused, append(args, "-demo-nodes", "1000")...)
	require.Contains(t, stderr, "another run")
	endtest.RequireNothingLeft(t)
}

func TestServentSeeds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seeds")
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write("# ultrapeers\n192.0.2.1\n\n 192.0.2.2:6347 \n")
	seeds, err := readServents(path)
	require.NoError(t, err)
	require.Len(t, seeds, 2)
	require.Equal(t, "192.0.2.1:6346", seeds[0].String())
	require.Equal(t, "192.0.2.2:6347", seeds[1].String())
	for text, want := range map[string]string{"x\n": "line 1", "\n127.0.0.1:1": "line 2", "[2001:db8::1]:1": "line 1", "#": "no address"} {
		write(text)
		_, err = readServents(path)
		require.ErrorContains(t, err, want)
	}
}
