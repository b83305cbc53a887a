// Package graph has the test that keeps the package graph as ARCHITECTURE.md
// draws it.
package graph

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// allowed tells, for each package of the library, which others of the library
// and of its dependencies it may import itself.
var allowed = map[string][]string{
	"myriad/internal/seq":       nil,
	"myriad/internal/wrap":      nil,
	"myriad/internal/rss":       nil,
	"myriad/internal/chunks":    {"myriad/internal/seq"},
	"myriad/internal/errno":     {"golang.org/x/sys/windows"},
	"myriad/internal/gso":       {"golang.org/x/sys/unix"},
	"myriad/internal/park":      {"golang.org/x/sys/unix"},
	"myriad/internal/netinfo":   {"github.com/vishvananda/netlink", "github.com/vishvananda/netlink/nl", "golang.org/x/sys/unix", "golang.org/x/sys/windows"},
	"myriad/timers":             {"myriad/internal/ahead", "myriad/internal/huge"},
	"myriad/internal/ahead":     {},
	"myriad/internal/huge":      {"golang.org/x/sys/unix"},
	"myriad/sack":               {"github.com/google/btree", "myriad/internal/seq"},
	"myriad/linklayer":          {"myriad/internal/seq", "gvisor.dev/gvisor/pkg/tcpip/header", "gvisor.dev/gvisor/pkg/tcpip/checksum", "gvisor.dev/gvisor/pkg/tcpip"},
	"myriad/iobackend":          nil,
	"myriad/iobackend/afxdp":    {"myriad/iobackend", "myriad/internal/gso", "myriad/internal/huge", "myriad/internal/netinfo", "myriad/internal/park", "github.com/cilium/ebpf", "github.com/cilium/ebpf/btf", "github.com/cilium/ebpf/link", "github.com/vishvananda/netlink", "golang.org/x/sys/unix"},
	"myriad/iobackend/afpacket": {"github.com/vishvananda/netlink", "myriad/iobackend", "myriad/internal/gso", "myriad/internal/netinfo", "myriad/internal/park", "golang.org/x/sys/unix"},
	"myriad/iobackend/simlink":  {"myriad/iobackend", "myriad/internal/gso", "myriad/internal/rss"},
	"myriad/iobackend/irlstack": {"myriad/iobackend", "myriad/internal/netinfo", "golang.org/x/sys/windows"},
	"myriad/iobackend/pcapfile": {"myriad/iobackend"},
	"myriad/conntable":          {"myriad/internal/ahead", "myriad/internal/huge", "myriad/internal/rss", "myriad/internal/seq"},
	"myriad/handshake":          {"myriad/conntable", "myriad/internal/chunks", "myriad/internal/errno", "myriad/internal/seq", "myriad/internal/wrap", "myriad/linklayer", "myriad/sack", "myriad/timers"},
	"myriad/tcpclient":          {"myriad/conntable", "myriad/handshake", "myriad/internal/errno", "myriad/internal/netinfo", "myriad/internal/rss", "myriad/iobackend", "myriad/iobackend/afpacket", "myriad/iobackend/afxdp", "myriad/iobackend/irlstack", "myriad/iobackend/pcapfile", "myriad/linklayer", "myriad/timers", "golang.org/x/sys/unix"},
}

func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	for name, may := range allowed {
		for _, i := range lines(t, "list", "-f", `{{join .Imports "\n"}}`, name) {
			if strings.Contains(i, ".") || strings.HasPrefix(i, "myriad/") {
				require.True(t, slices.Contains(may, i), "%s imports %s", name, i)
			}
		}
	}
}

// forTests are the packages that tests alone import.
var forTests = []string{
	"myriad/internal/bounded",
	"myriad/internal/graph",
	"myriad/internal/hostile",
	"myriad/internal/hostile/measure",
	"myriad/internal/mutants",
	"myriad/internal/script",
	"myriad/internal/seeded",
	"myriad/internal/sim",
	"myriad/internal/nginx",
	"myriad/internal/testbed",
}

func TestEveryPackageIsInTheGraph(t *testing.T) {
	for _, p := range lines(t, "list", "myriad/...") {
		switch {
		case strings.HasPrefix(p, "myriad/examples"), strings.HasPrefix(p, "myriad/bench"):
		case slices.Contains(forTests, p):
		default:
			require.Contains(t, allowed, p)
		}
	}
}

// The owner wants gVisor for header parsing only.
func TestLibraryHoldsOnlyHeaderParsingOfGVisor(t *testing.T) {
	want := lines(t, "list", "-deps", "gvisor.dev/gvisor/pkg/tcpip/header")
	for _, p := range lines(t, "list", "-deps", "myriad/tcpclient") {
		if strings.HasPrefix(p, "gvisor.dev/") {
			require.Contains(t, want, p)
		}
	}
}

func lines(t *testing.T, args ...string) []string {
	t.Helper()
	// Without a look at the repository, which may be somebody else's.
	args = append([]string{args[0], "-buildvcs=false"}, args[1:]...)
	out, err := exec.Command("go", args...).Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}
