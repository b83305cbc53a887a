package pages

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/nginx"
	"myriad/internal/testbed"
	"myriad/tcpclient"
)

// world is what the pages are fetched over, the same for all methods.
type world struct {
	Name     string
	parallel int // connections at a time; a power of two
	mtu      int
	reset    bool // the client ends with RST what it has read to the end, else with FIN

	device int             // of devices: the method's
	stats  tcpclient.Stats // of its Client, at the end
}

// worlds are run one after the other.
var worlds = []world{
	{Name: "64", parallel: 64, mtu: 1500},
	{Name: "256", parallel: 256, mtu: 1500},
	{Name: "1024", parallel: 1024, mtu: 1500},
	{Name: "64-RST", parallel: 64, mtu: 1500, reset: true},
	{Name: "64-MTU-3400", parallel: 64, mtu: 3400},
}

// devices are veth pairs between the same two namespaces.
const (
	ours   = iota // Myriad's
	passed        // the kernel's, with an XDP program that passes everything
	plain         // the kernel's
	devices
)

const queues = 2 // of each end

var sources = netip.MustParsePrefix("10.78.1.0/24")

func (w *world) server() string { return fmt.Sprintf("10.%d.0.2:80", 78+w.device) }

// config is what the Client is made with: one worker takes both queues, since a
// veth puts a reply on either, whoever asked; and there are no more frames than
// the connections' pages can take, so that they stay in the processor's cache.
func config(w *world) tcpclient.Config {
	frames := framesEach * w.parallel
	return tcpclient.Config{Interfaces: []tcpclient.Interface{{
		Name: fmt.Sprint("wan", ours), Backend: "afxdp", Sources: []netip.Prefix{sources},
		Queues: 1, ReceiveFrames: frames, SendFrames: frames,
	}}}
}

// framesEach is how many of a page's nine frames can wait at once: the
// handshake's have gone by then.
const framesEach = 8

// build serves the page in a namespace of its own until the benchmark ends, and
// returns where to fetch it from, and nginx's processes.
func (w *world) build(b *testing.B) (near *testbed.Namespace, far []int) {
	near, err := testbed.NewNamespace()
	require.NoError(b, err)
	b.Cleanup(func() { near.Close() })
	there, err := testbed.NewNamespace()
	require.NoError(b, err)
	b.Cleanup(func() { there.Close() })
	for k := range devices {
		c := testbed.VethConfig{
			NearName: fmt.Sprint("wan", k), FarName: fmt.Sprint("far", k),
			NearAddr: netip.MustParsePrefix(fmt.Sprintf("10.%d.0.1/24", 78+k)),
			FarAddr:  netip.MustParsePrefix(fmt.Sprintf("10.%d.0.2/24", 78+k)),
			Queues:   queues, MTU: w.mtu, DisableOffloads: true, XDPPassNear: k == passed,
		}
		if k == ours {
			c.Sources = []netip.Prefix{sources}
		}
		_, err = testbed.Veth(near, there, c)
		require.NoError(b, err)
	}
	return near, serve(b, near, there)
}

func serve(b *testing.B, near, there *testbed.Namespace) (pids []int) {
	dir := b.TempDir()
	require.NoError(b, os.WriteFile(filepath.Join(dir, "page"), bytes.Repeat([]byte("page "), pageBytes)[:pageBytes], 0o644))
	http := fmt.Sprintf(`
sendfile on;
tcp_nopush on;
open_file_cache max=100;
server { listen 80 backlog=4096; root %s; }`, dir)
	return nginx.ServeOnAll(b, near, there, dir, http, "10.78.0.2:80")
}
