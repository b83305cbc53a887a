package main

import (
	"bufio"
	"flag"
	"fmt"
	"net/netip"
	"strings"

	"myriad/examples/internal/gnutella"
	"myriad/examples/internal/program"
)

// gnutellaOptions are what only -protocol gnutella has.
type gnutellaOptions struct {
	Edges     string
	NodesMax  int
	KnownMax  int
	Attempts  int
	DemoNodes int
}

// gnutellaParallel is the default of -parallel: a connection holds no more
// than a servent's reply.
const gnutellaParallel = 4096

func (o *gnutellaOptions) define(f *flag.FlagSet) {
	f.StringVar(&o.Edges, "edges", "", "gnutella: `file` for the edges: if it ends in .tsv a line for each, of the node, the node that\nit named, and peer or leaf; otherwise binary, a fifth as large: MYRIAD GNUTELLA EDGES 1 and a\nline feed, then for each node that answered its address and port (4 and 2 bytes), the numbers of\nits peers and of its leaves (2 bytes each), and their addresses and ports; all big-endian")
	f.IntVar(&o.NodesMax, "max-nodes", 0, "gnutella: contact no more than so many `nodes`, 0 for no limit")
	f.IntVar(&o.KnownMax, "max-known", 24_000_000, "gnutella: `nodes`, leaves included, that there is room for; about 10 bytes each")
	f.IntVar(&o.Attempts, "attempts", 3, "gnutella: `number` of attempts at a node that does not answer, or that one of our\naddresses has crawled before; each from another address")
	f.IntVar(&o.DemoNodes, "demo-nodes", 300_000, "gnutella: `ultrapeers` of the demo network, each with about 30 others and 30 leaves")
}

// Flags that only one of the protocols has.
var (
	webFlags      = []string{"resolver", "warc", "ca", "cluster", "pause", "max-pages", "max-depth", "max-host-pages", "max-bytes", "ignore-robots", "demo-pages", "demo-hosts"}
	gnutellaFlags = []string{"edges", "max-nodes", "max-known", "attempts", "demo-nodes"}
)

// checkProtocol refuses the other protocol's flags.
func (o *options) checkProtocol(given program.Given) error {
	others := gnutellaFlags
	switch o.Protocol {
	case "gnutella":
		others = webFlags
	case "web":
	default:
		return fmt.Errorf("-protocol %q: give web or gnutella", o.Protocol)
	}
	return given.Refuse("does not go with -protocol "+o.Protocol+": leave one of them out", others...)
}

// readServents reads a file of addresses, with or without a port.
func readServents(path string) ([]gnutella.Address, error) {
	f, err := openSeeds(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var seeds []gnutella.Address
	lines := bufio.NewScanner(f)
	for number := 1; lines.Scan(); number++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		servent, err := netip.ParseAddrPort(text)
		if addr, ok := netip.ParseAddr(text); ok == nil {
			servent, err = netip.AddrPortFrom(addr, gnutella.DefaultPort), nil
		}
		a := gnutella.NewAddress(servent)
		if err != nil || !a.Host() {
			return nil, fmt.Errorf("-seeds %s, line %d: %q is no IPv4 address of a servent such as 192.0.2.1:6346", path, number, text)
		}
		seeds = append(seeds, a)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("-seeds %s: %w", path, err)
	}
	if len(seeds) == 0 {
		return nil, fmt.Errorf("-seeds %s: there is no address in it", path)
	}
	return seeds, nil
}
