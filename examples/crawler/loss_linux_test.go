package main

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/demoweb"
	"myriad/examples/internal/endtest"
	"myriad/examples/internal/program"
	"myriad/internal/testbed"
)

// TestCrawlUnderLoss loses 5 % of the segments in either direction: each page
// that exists is found, once and whole.
func TestCrawlUnderLoss(t *testing.T) {
	testbed.Require(t)
	t.Parallel()
	var ns [3]*testbed.Namespace
	for k := range ns {
		var err error
		ns[k], err = testbed.NewNamespace()
		require.NoError(t, err)
		t.Cleanup(func() { ns[k].Close() })
	}
	_, err := testbed.LossyPath(ns[0], ns[1], ns[2], testbed.PathConfig{
		NearName: "wan0", FarName: "far0", Queues: 2,
		NearAddr: netip.MustParsePrefix("10.76.0.1/24"), FarAddr: netip.MustParsePrefix("10.77.0.1/24"),
		Sources:    []netip.Prefix{netip.MustParsePrefix("10.76.1.0/24")},
		Targets:    []netip.Prefix{netip.MustParsePrefix("198.19.0.0/16")},
		TowardNear: []string{testbed.DropTCP(50)}, TowardFar: []string{testbed.DropTCP(50)},
	})
	require.NoError(t, err)
	web := demoweb.Default(13, 300, 20)
	web.BytesMax = 200_000
	server := demoweb.NewServer(&web)
	pages, err := ns[2].Listen("tcp4", ":80")
	require.NoError(t, err)
	names, err := ns[2].Listen("tcp4", ":53")
	require.NoError(t, err)
	go server.Serve(pages)
	go web.ServeDNS(names)
	t.Cleanup(func() { server.Close(); names.Close() })
	seeds := filepath.Join(t.TempDir(), "seeds")
	require.NoError(t, os.WriteFile(seeds, []byte(web.Root()+"\n"), 0o600))
	cmd, stderr := endtest.Command(t, "-interface", "wan0", "-source", "10.76.1.0/25", "-seeds", seeds, "-resolver", "10.77.0.1",
		"-contact", "x", "-allow", "198.19.0.0/16", "-max-pages", "0", "-rate", "0", "-pause", "0s", "-per-address", "4",
		"-per-prefix", "0", "-timeout", "3m")
	var out bytes.Buffer
	cmd.Stdout = &out
	require.NoError(t, ns[0].Start(cmd))
	require.Equal(t, program.Finished, endtest.ExitCode(cmd.Wait()), stderr)
	records := readRecords(t, &out)
	require.Len(t, records, web.Count())
	for p := range web.Pages {
		page, r := web.PageAt(p), records[web.PageURL(p)]
		require.NotNil(t, r)
		require.Equal(t, 200, r.Status, r.Detail)
		require.EqualValues(t, page.Bytes, r.Bytes)
		require.Equal(t, len(page.Links), r.Links)
	}
}
