package main

import (
	"bytes"
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
	"myriad/examples/internal/fetch"
	"myriad/examples/internal/program"
	"myriad/internal/testbed"
)

// wire is an interface that is not the demo's, with a web at its far end.
type wire struct {
	near   *testbed.Namespace
	web    demoweb.Web
	server *demoweb.Server
	seeds  string
}

// realInterface makes an interface wan0 in near, with 10.77.1.0/24 to send from,
// and what it reaches in far: 10.77.0.2, and targets.
func realInterface(t *testing.T, targets ...netip.Prefix) (near, far *testbed.Namespace) {
	testbed.Require(t)
	near, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { near.Close() })
	far, err = testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { far.Close() })
	_, err = testbed.Veth(near, far, testbed.VethConfig{
		NearName: "wan0", FarName: "far0", Queues: 2, DisableOffloads: true,
		NearAddr: netip.MustParsePrefix("10.77.0.1/24"), FarAddr: netip.MustParsePrefix("10.77.0.2/24"),
		Sources: []netip.Prefix{netip.MustParsePrefix("10.77.1.0/24")},
		Targets: targets,
	})
	require.NoError(t, err)
	return near, far
}

func newWire(t *testing.T) *wire {
	near, far := realInterface(t, netip.MustParsePrefix("198.19.0.0/16"))
	web := demoweb.Default(9, 60, 12)
	w := &wire{near: near, web: web, server: demoweb.NewServer(&web), seeds: filepath.Join(t.TempDir(), "seeds")}
	pages, err := far.Listen("tcp4", ":80")
	require.NoError(t, err)
	names, err := far.Listen("tcp4", "10.77.0.2:53")
	require.NoError(t, err)
	go w.server.Serve(pages)
	go w.web.ServeDNS(names)
	t.Cleanup(func() { w.server.Close(); names.Close() })
	require.NoError(t, os.WriteFile(w.seeds, []byte(web.Root()+"\n"), 0o600))
	return w
}

// run runs the command inside the near namespace.
func (w *wire) run(t *testing.T, args ...string) (out []byte, stderr string, code int) {
	cmd, errors := endtest.Command(t, args...)
	var output bytes.Buffer
	cmd.Stdout = &output
	require.NoError(t, w.near.Start(cmd))
	code = endtest.ExitCode(cmd.Wait())
	return output.Bytes(), errors.String(), code
}

func (w *wire) args(more ...string) []string {
	return append([]string{"-interface", "wan0", "-source", "10.77.1.0/25,10.77.1.128/26", "-seeds", w.seeds,
		"-resolver", "10.77.0.2", "-contact", "https://crawler.test/about", "-allow", "198.19.0.0/16"}, more...)
}

func TestAGoodCitizenOnARealInterface(t *testing.T) {
	w := newWire(t)
	t.Parallel()
	out, stderr, code := w.run(t, w.args("-max-pages", "40", "-pause", "100ms", "-per-prefix", "3", "-timeout", "20s")...)
	require.Equal(t, program.Finished, code, stderr)
	records := readRecords(t, bytes.NewReader(out))
	require.Len(t, records, 40)
	found := 0
	for u, o := range w.web.Each {
		r := records[u]
		switch {
		case r == nil:
		case o == demoweb.Found:
			require.Equal(t, 200, r.Status, r.Detail)
			found++
		case o == demoweb.Forbidden:
			require.Equal(t, crawl.Disallowed, r.Error)
		}
	}
	require.Greater(t, found, 10)
	report := w.server.Report()
	require.Equal(t, 1, report.PeakPerAddress, "one connection at a time per address, as the server counts")
	require.LessOrEqual(t, report.PeakPerPrefix, 3)
	require.GreaterOrEqual(t, report.LeastPauseUS, int64(100_000), "between two requests to a host or an address")
	require.Zero(t, report.Forbidden)
	require.Len(t, report.UserAgents, 1)
	require.Contains(t, report.UserAgents, "MyriadCrawler/0.1 (+https://crawler.test/about)")
	require.Contains(t, stderr, "crawler: AF_XDP on wan0")
	endtest.RequireNothingLeft(t)
}

func TestWhatARealInterfaceRefuses(t *testing.T) {
	w := newWire(t)
	kernels := []string{"-interface", "wan0", "-source", "10.77.0.0/24", "-seeds", w.seeds, "-resolver", "10.77.0.2", "-contact", "x"}
	_, stderr, code := w.run(t, kernels...)
	require.Equal(t, program.Failed, code)
	require.Contains(t, stderr, "10.77.0.1")
	require.Contains(t, stderr, "kernel")

	require.NoError(t, w.near.AttachXDPPass("wan0"))
	_, stderr, code = w.run(t, w.args("-backend", "afxdp")...)
	require.Equal(t, program.Failed, code, stderr)
	require.Contains(t, stderr, "wan0")
	require.Contains(t, stderr, "XDP")
	endtest.RequireNothingLeft(t)
}

// TestSpecialAddressesAreRefused leaves the -allow out, and gives another one.
func TestSpecialAddressesAreRefused(t *testing.T) {
	w := newWire(t)
	t.Parallel()
	require.NoError(t, os.WriteFile(w.seeds, []byte("http://198.19.0.2/\nhttp://w0.demo.test/\nhttp://127.0.0.1/\n"), 0o600))
	out, stderr, code := w.run(t, "-interface", "wan0", "-source", "10.77.1.0/25", "-seeds", w.seeds, "-resolver", "10.77.0.2",
		"-contact", "x", "-allow", "198.19.0.2")
	require.Equal(t, program.Finished, code, stderr)
	records := readRecords(t, bytes.NewReader(out))
	for _, u := range []string{"http://w0.demo.test/", "http://127.0.0.1/"} {
		require.Equal(t, fetch.Excluded, records[u].Error)
	}
	require.Contains(t, records["http://w0.demo.test/"].Detail, "198.18.0.0/15")
	require.Empty(t, records["http://198.19.0.2/"].Error, "allowed: it answered 404")
	require.Contains(t, stderr, "excluded: ")
}

func TestMissingRights(t *testing.T) {
	w := newWire(t)
	setpriv, err := exec.LookPath("setpriv") // of util-linux, everywhere
	require.NoError(t, err)
	cmd, stderr := endtest.Command(t)
	cmd.Path = setpriv
	cmd.Args = append([]string{"setpriv", "--bounding-set", "-net_raw,-net_admin", "--inh-caps", "-net_raw,-net_admin", "--", os.Args[0]}, w.args()...)
	require.NoError(t, w.near.Start(cmd))
	require.Equal(t, program.Failed, endtest.ExitCode(cmd.Wait()), stderr)
	require.Contains(t, stderr.String(), "CAP_NET_")
}

func TestAnInterfaceThatGoesAway(t *testing.T) {
	w := newWire(t)
	path := filepath.Join(t.TempDir(), "out.jsonl")
	cmd, stderr := endtest.Command(t, w.args("-out", path)...)
	require.NoError(t, w.near.Start(cmd))
	require.Eventually(t, func() bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() > 0
	}, time.Minute, 5*time.Millisecond)
	require.NoError(t, w.near.DeleteLink("wan0"))
	require.Equal(t, program.Failed, endtest.ExitCode(cmd.Wait()), stderr)
	require.Contains(t, stderr.String(), "gone")
	require.NotEmpty(t, readFile(t, path))
	endtest.RequireNothingLeft(t)
}
