package main

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/endtest"
	"myriad/examples/internal/program"
	"myriad/examples/internal/servent"
)

// TestGnutellaOnARealInterface crawls three servents, of which one is a leaf,
// on an interface that is not the demo's.
func TestGnutellaOnARealInterface(t *testing.T) {
	near, far := realInterface(t, netip.MustParsePrefix("100.66.53.0/24"))
	at := func(n byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, 66, 53, n}), 6346)
	}
	server := servent.New(map[netip.Addr]*servent.Servent{
		at(2).Addr(): {Peers: []netip.AddrPort{at(3), netip.MustParseAddrPort("192.168.7.7:6346")}, Leaves: []netip.AddrPort{at(4)}, LiveSince: time.Now().Add(-time.Hour)},
		at(3).Addr(): {Peers: []netip.AddrPort{at(2), at(9)}, Manner: servent.Continued, LiveSince: time.Now()},
		at(9).Addr(): {Leaf: true, Peers: []netip.AddrPort{at(2)}, LiveSince: time.Now()},
	})
	l, err := far.Listen("tcp4", ":6346")
	require.NoError(t, err)
	require.NoError(t, servent.SetBacklog(l))
	go server.Serve(l, 0)
	t.Cleanup(func() { l.Close(); server.Close() })

	seeds := filepath.Join(t.TempDir(), "seeds")
	require.NoError(t, os.WriteFile(seeds, []byte("100.66.53.2\n"), 0o600))
	report := filepath.Join(t.TempDir(), "report.html")
	edges := filepath.Join(t.TempDir(), "edges.tsv")
	cmd, stderr := endtest.Command(t, "-protocol", "gnutella", "-report", report, "-edges", edges, "-interface", "wan0", "-source", "10.77.1.0/28",
		"-seeds", seeds, "-contact", "ops@example.org", "-max-known", "1000", "-allow", "100.66.53.0/24")
	var out bytes.Buffer
	cmd.Stdout = &out
	require.NoError(t, near.Start(cmd))
	require.Zero(t, endtest.ExitCode(cmd.Wait()), stderr)
	require.Equal(t, map[string]int{"ultrapeer": 2, "leaf": 2, "unknown excluded": 1}, readNodes(t, out.Bytes()), "the leaf that was named, and the one that answered")
	require.Contains(t, stderr.String(), "3 nodes contacted")
	lines, err := os.ReadFile(edges)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"100.66.53.2:6346\t100.66.53.3:6346\tpeer", "100.66.53.2:6346\t192.168.7.7:6346\tpeer", "100.66.53.2:6346\t100.66.53.4:6346\tleaf",
		"100.66.53.3:6346\t100.66.53.2:6346\tpeer", "100.66.53.3:6346\t100.66.53.9:6346\tpeer", "100.66.53.9:6346\t100.66.53.2:6346\tpeer",
	}, strings.Split(strings.TrimSuffix(string(lines), "\n"), "\n"))
	page, err := os.ReadFile(report)
	require.NoError(t, err)
	require.Contains(t, string(page), "connections at a time to one address")
	require.Contains(t, string(page), "connections at a time to one /24")
	require.Eventually(t, func() bool { return len(server.Visits()) == 3 }, 20*time.Second, 5*time.Millisecond)
	for _, v := range server.Visits() {
		require.True(t, v.ThirdLeg)
		require.Contains(t, v.Request, "\r\nUser-Agent: MyriadCrawler/0.1 (+ops@example.org)\r\n")
	}
}

// TestGnutellaCouldNotLook tells seeds that may not be crawled, and those that
// there is no way to, from seeds that do not answer.
func TestGnutellaCouldNotLook(t *testing.T) {
	near, _ := realInterface(t)
	for _, test := range []struct {
		seed, says string
		code       int
	}{
		{"100.66.53.2", "none may be crawled: 100.66.53.2 is excluded, being in 100.64.0.0/10", program.UsageWrong},
		{"9.9.9.9", "no node could be looked at: no route: 1", program.Failed},
		{"10.77.0.2", "failures              1 (refused: 1)", program.Finished},
	} {
		seeds := filepath.Join(t.TempDir(), "seeds")
		require.NoError(t, os.WriteFile(seeds, []byte(test.seed+"\n"), 0o600))
		cmd, stderr := endtest.Command(t, "-protocol", "gnutella", "-interface", "wan0", "-source", "10.77.1.0/28",
			"-seeds", seeds, "-contact", "ops@example.org", "-max-known", "1000", "-allow", "10.77.0.0/24", "-out", filepath.Join(t.TempDir(), "out"))
		require.NoError(t, near.Start(cmd))
		require.Equal(t, test.code, endtest.ExitCode(cmd.Wait()), stderr)
		require.Contains(t, stderr.String(), test.says)
	}
}
