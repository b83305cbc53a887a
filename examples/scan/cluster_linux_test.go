package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/endtest"
	"myriad/examples/internal/program"
)

// whole counts how often each target is in a file, without a line that was not
// written whole.
func whole(t *testing.T, counts map[string]int, path string) (lines int) {
	for _, l := range readLines(t, path) {
		counts[fmt.Sprint(l.Address, ":", l.Port)]++
		lines++
	}
	return lines
}

// Three processes in three namespaces share a scan; one is killed, and the server
// goes away for a while: no target is left out, and only those are told of twice
// that came after the last checkpoint of the one that was killed.
func TestCluster(t *testing.T) {
	nears, far := worlds(t, 3)
	nats := endtest.ServeNATS(t, far)
	dir := t.TempDir()
	const rate = 1000
	out := func(k int) string { return filepath.Join(dir, fmt.Sprint("out", k)) }
	start := func(k int, more ...string) (*exec.Cmd, *bytes.Buffer) {
		cmd, stderr := endtest.Command(t, append([]string{
			"-interface", "near0", "-source", fmt.Sprintf("10.83.%d.0/28", k), "-allow", "10.0.0.0/8", "-ports", "9,10",
			"-rate", fmt.Sprint(rate), "-timeout", "300ms", "-retries", "0", "-show", "all", "-out", out(k), "-canary=false",
			"-cluster", fmt.Sprintf("nats://%s10.77.%d.2:4222/test", endtest.NATSLogin, k), "10.84.0.0/19",
		}, more...)...)
		require.NoError(t, nears[k].Start(cmd))
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		return cmd, stderr
	}
	nats.Trial(func(k int) (*exec.Cmd, *bytes.Buffer) { return start(k) }, out, 250_000)
	counts := map[string]int{}
	lines, killed := 0, 0
	for k := range nears {
		n := whole(t, counts, out(k))
		require.Positive(t, n, "each has its part")
		if lines += n; k == 1 {
			killed = n
		}
	}
	require.Len(t, counts, 2<<13, "no target is left out")
	t.Logf("%d lines of %d targets; the killed one wrote %d", lines, len(counts), killed)
	require.Less(t, lines-len(counts), 4*rate, "a checkpoint a second, on a machine that is slow")
	require.Less(t, lines-len(counts), killed)

	cmd, stderr := start(1)
	require.Zero(t, endtest.ExitCode(cmd.Wait()))
	require.Contains(t, stderr.String(), "has come to its end")
	cmd, stderr = start(1, "-protocol", "udp")
	require.Equal(t, program.UsageWrong, endtest.ExitCode(cmd.Wait()), stderr)
	cmd, stderr = start(1, "-seed", "5")
	require.Equal(t, program.StateRefused, endtest.ExitCode(cmd.Wait()), stderr)
	require.True(t, strings.Contains(stderr.String(), `-seed was "", and is "5" now`), stderr)
}
