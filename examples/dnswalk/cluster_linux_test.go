package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/demodns"
	"myriad/examples/internal/endtest"
	"myriad/examples/internal/iterate"
	"myriad/examples/internal/program"
	"myriad/internal/testbed"
)

// Three processes in three namespaces share a list; one is killed, and the server
// goes away for a while: no name is left out, and only those are told of twice
// that came after the last checkpoint of the one that was killed.
func TestCluster(t *testing.T) {
	testbed.Require(t)
	if _, err := exec.LookPath("nsd"); err != nil {
		t.Skip("nsd is not installed: apt-get install nsd")
	}
	nears := make([]*testbed.Namespace, 3)
	for k := range nears {
		near, err := testbed.NewNamespace()
		require.NoError(t, err)
		t.Cleanup(func() { near.Close() })
		nears[k] = near
	}
	tree := demodns.Tree{TLDs: 2, Zones: 25, Names: 100}
	dns, err := demodns.Start(nears[0], tree, false)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dns.Stop()) })
	sources, gateways := []string{demodns.Sources.String(), "10.83.1.0/28", "10.83.2.0/28"}, []string{"198.18.0.2", "10.77.1.2", "10.77.2.2"}
	for k := 1; k < 3; k++ {
		_, err := testbed.Veth(nears[k], dns.Far, testbed.VethConfig{
			NearName: demodns.Interface, FarName: fmt.Sprint("more", k), Queues: 2, DisableOffloads: true,
			NearAddr: netip.MustParsePrefix(fmt.Sprintf("10.77.%d.1/24", k)), FarAddr: netip.MustParsePrefix(gateways[k] + "/24"),
			Sources: []netip.Prefix{netip.MustParsePrefix(sources[k])},
		})
		require.NoError(t, err)
		require.NoError(t, nears[k].AddRoute(demodns.Targets, netip.MustParseAddr(gateways[k]), demodns.Interface))
	}
	nats := endtest.ServeNATS(t, dns.Far)
	dir := t.TempDir()
	list := filepath.Join(dir, "names")
	require.NoError(t, os.WriteFile(list, []byte("# all\n"+nameList(tree)), 0o600))
	out := func(k int) string { return filepath.Join(dir, fmt.Sprint("out", k)) }
	start := func(k int, more ...string) (*exec.Cmd, *bytes.Buffer) {
		cmd, stderr := endtest.Command(t, append([]string{
			"-interface", demodns.Interface, "-source", sources[k], "-root", demodns.RootAddr.String(), "-names", list,
			"-rate", "300", "-parallel", "100", "-per-server", "100", "-per-server-rate", "0", "-allow", demodns.Targets.String(),
			"-timeout", "1s", "-out", out(k), "-report", out(k) + ".html", "-v", "-cluster", "nats://" + endtest.NATSLogin + gateways[k] + ":4222/test",
		}, more...)...)
		require.NoError(t, nears[k].Start(cmd))
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		return cmd, stderr
	}
	var told [3]*bytes.Buffer
	nats.Trial(func(k int) (cmd *exec.Cmd, stderr *bytes.Buffer) {
		cmd, told[k] = start(k)
		return cmd, told[k]
	}, out, 200_000)
	for k := range told {
		endtest.RequireNoPassword(t, told[k].String(), dir)
	}
	report, err := os.ReadFile(out(0) + ".html")
	require.NoError(t, err)
	require.Contains(t, string(report), "nats://xxxxx@"+gateways[0]+":4222/test")
	counts, lines, killed := map[string]int{}, 0, 0
	for k := range nears {
		wrote := 0
		for name, n := range names(t, out(k)) {
			counts[name] += n
			wrote += n
		}
		require.Positive(t, wrote, "each has its part")
		if lines += wrote; k == 1 {
			killed = wrote
		}
	}
	t.Logf("%d lines of %d names; the killed one wrote %d", lines, len(counts), killed)
	require.Len(t, counts, tree.Count(), "no name is left out")
	require.Less(t, lines-len(counts), killed)

	cmd, stderr := start(1)
	require.Zero(t, endtest.ExitCode(cmd.Wait()))
	require.Contains(t, stderr.String(), "has come to its end")
	require.NoError(t, os.WriteFile(list, []byte("another.test\n"), 0o600))
	cmd, stderr = start(1)
	require.Equal(t, program.StateRefused, endtest.ExitCode(cmd.Wait()), stderr)
	require.Contains(t, stderr.String(), "list was")
	endtest.RequireNoPassword(t, stderr.String(), dir)
	nats.Stop()
	cmd, stderr = start(1)
	require.Equal(t, program.Failed, endtest.ExitCode(cmd.Wait()), "without a server")
	require.Contains(t, stderr.String(), "-cluster")
	endtest.RequireNoPassword(t, stderr.String(), dir)
}

// What is read from the middle of a list on is what a reading of all of it gives.
func TestIndexOfAList(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names")
	var text []byte
	const count = 3*markEvery + 17
	for n := range count {
		text = fmt.Appendf(text, "# comment\r\n\nn%d.test AAAA\n", n)
	}
	require.NoError(t, os.WriteFile(path, text[:len(text)-1], 0o600))
	o := newOptions()
	o.Names = path
	x, err := indexNames(o)
	require.NoError(t, err)
	require.EqualValues(t, count, x.count)
	for _, first := range []uint64{0, 1, markEvery - 1, markEvery, markEvery + 1, 3 * markEvery, count - 1} {
		n := first
		require.NoError(t, x.read(first, func(number uint64, q iterate.Question) bool {
			require.Equal(t, n, number)
			require.Equal(t, fmt.Sprintf("n%d.test.", n), q.Name)
			n++
			return n < first+5
		}))
		require.Equal(t, min(first+5, count), n)
	}
	require.NoError(t, os.WriteFile(path, []byte("# nothing\n"), 0o600))
	_, err = indexNames(o)
	require.ErrorContains(t, err, "names nothing")
}
