package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/crawl"
	"myriad/examples/internal/demoweb"
	"myriad/examples/internal/endtest"
	"myriad/internal/testbed"
)

// club is a web in one namespace and places to crawl it from in others.
type club struct {
	web   demoweb.Web
	near  []*testbed.Namespace
	seeds string

	server *endtest.NATS
}

const clubPages, clubHosts = 500, 24

func newClub(t *testing.T, members int) *club {
	testbed.Require(t)
	far, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { far.Close() })
	c := &club{web: demoweb.Default(11, clubPages, clubHosts), seeds: filepath.Join(t.TempDir(), "seeds")}
	c.web.Dead = 2
	require.NoError(t, os.WriteFile(c.seeds, []byte(c.web.Root()+"\n"), 0o600))
	for k := range members {
		c.near = append(c.near, c.member(t, far, k))
	}
	server := demoweb.NewServer(&c.web)
	pages, err := far.Listen("tcp4", ":80")
	require.NoError(t, err)
	names, err := far.Listen("tcp4", ":53")
	require.NoError(t, err)
	go server.Serve(pages)
	go c.web.ServeDNS(names)
	t.Cleanup(func() { server.Close(); names.Close() })
	c.server = endtest.ServeNATS(t, far)
	return c
}

// natsFrom is the server's URL as a place sees it.
func (c *club) natsFrom(k int) string {
	return fmt.Sprintf("nats://%s10.77.%d.2:4222/test", endtest.NATSLogin, 2*k)
}

// member is a namespace with a wire to the far one.
func (c *club) member(t *testing.T, far *testbed.Namespace, k int) *testbed.Namespace {
	near, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { near.Close() })
	targets := netip.MustParsePrefix("198.19.0.0/16")
	wire := testbed.VethConfig{
		NearName: "wan0", FarName: fmt.Sprint("far", k), Queues: 2, DisableOffloads: true,
		NearAddr: netip.MustParsePrefix(fmt.Sprintf("10.77.%d.1/24", 2*k)), FarAddr: netip.MustParsePrefix(fmt.Sprintf("10.77.%d.2/24", 2*k)),
		Sources: []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.77.%d.0/24", 2*k+1))},
	}
	if k == 0 {
		wire.Targets = []netip.Prefix{targets}
	}
	_, err = testbed.Veth(near, far, wire)
	require.NoError(t, err)
	if k > 0 {
		require.NoError(t, near.AddRoute(targets, wire.FarAddr.Addr(), "wan0"))
	}
	return near
}

// start starts a crawl from a place.
func (c *club) start(t *testing.T, k int, more ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	cmd, stderr = endtest.Command(t, append([]string{
		"-interface", "wan0", "-source", fmt.Sprintf("10.77.%d.0/25", 2*k+1), "-seeds", c.seeds,
		"-resolver", fmt.Sprintf("10.77.%d.2", 2*k), "-contact", "x", "-allow", "198.19.0.0/16", "-max-pages", "0",
		"-rate", "0", "-pause", "50ms", "-timeout", "20s",
	}, more...)...)
	require.NoError(t, c.near[k].Start(cmd))
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, stderr
}

// essence is what must be the same whoever crawls.
type essence struct {
	status int
	digest string
	reason string
}

func essences(records map[string]*crawl.Record) map[string]essence {
	all := make(map[string]essence)
	for u, r := range records {
		all[u] = essence{r.Status, r.Digest, r.Error}
	}
	return all
}

// TestCluster crawls alone; then with three processes in three namespaces, one
// of which is killed in the middle. The records are the same, each once.
func TestCluster(t *testing.T) {
	c := newClub(t, 3)
	t.Parallel()
	alone := filepath.Join(t.TempDir(), "alone.jsonl")
	cmd, stderr := c.start(t, 0, "-out", alone)
	require.Zero(t, endtest.ExitCode(cmd.Wait()), stderr)
	want := essences(readFile(t, alone))
	require.Len(t, want, c.web.Count())

	outs := make([]string, 3)
	cmds := make([]*exec.Cmd, 3)
	told := make([]*bytes.Buffer, 3)
	for k := range 3 {
		outs[k] = filepath.Join(t.TempDir(), "out.jsonl")
		cmds[k], told[k] = c.start(t, k, "-cluster", c.natsFrom(k), "-out", outs[k], "-v", "-report", outs[k]+".html", "-status", "json")
	}
	require.Eventually(t, func() bool { return fileSize(outs[1]) > 30_000 }, 2*time.Minute, 5*time.Millisecond, told)
	require.NoError(t, cmds[1].Process.Kill())
	_ = cmds[1].Wait()
	for _, k := range []int{0, 2} {
		require.Zero(t, endtest.ExitCode(cmds[k].Wait()), told[k])
		require.Equal(t, want, essences(readFile(t, outs[k])), "of all, each once")
		require.FileExists(t, outs[k]+".html")
		endtest.RequireNoPassword(t, told[k].String(), filepath.Dir(outs[k]))
	}
	dead := len(readFile(t, outs[1]))
	require.Less(t, dead, len(want), "it died in the middle")

	cmds[1], told[1] = c.start(t, 1, "-cluster", c.natsFrom(1), "-out", outs[1])
	require.Zero(t, endtest.ExitCode(cmds[1].Wait()), told[1])
	require.Equal(t, want, essences(readFile(t, outs[1])), "started again, it writes the rest")
	endtest.RequireNothingLeft(t)
}
