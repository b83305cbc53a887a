package demodns

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// Tree is a hierarchy. TLDs must be 2 or more, the rest 1 or more.
type Tree struct {
	TLDs  int // t0., t1. …
	Zones int // z0.t0. … in each of them
	Names int // n0.z0.t0. … in each of those
}

// Limits.
const (
	TLDsMax   = 100
	leafHosts = 8
	// ManyAddrs is how many addresses the name many has: too many for UDP.
	ManyAddrs = 120
	// LongTexts is how many strings of 220 bytes the name long has.
	LongTexts = 40
)

// Level is who serves a zone.
type Level int

// The levels.
const (
	Root Level = iota
	TLD
	Leaf
	Levels
)

// Zone is one zone's content.
type Zone struct {
	Origin  string
	Level   Level
	Records []Record
}

// Record is a line of a zone file.
type Record struct {
	Name string
	Type dnsmessage.Type
	Data string
}

// RootAddr is the root server's.
var RootAddr = netip.MustParseAddr("198.19.0.1")

func tldAddr(k int) string  { return fmt.Sprintf("198.19.1.%d", k+1) }
func leafAddr(k int) string { return fmt.Sprintf("198.19.2.%d", k%leafHosts+1) }

const silentAddr = "198.19.128.1"

// Addrs are the addresses of a level's servers.
func (t Tree) Addrs(l Level) (addrs []string) {
	switch l {
	case Root:
		return []string{RootAddr.String()}
	case TLD:
		for k := range t.TLDs {
			addrs = append(addrs, tldAddr(k))
		}
	case Leaf:
		for k := range leafHosts {
			addrs = append(addrs, leafAddr(k))
		}
	}
	return addrs
}

// NameAddr is the address of name i of zone z of top-level domain k.
func NameAddr(k, z, i int) string {
	return fmt.Sprintf("10.%d.%d.%d", k, z%256, i%256)
}

func (z *Zone) add(name string, kind dnsmessage.Type, data string) {
	z.Records = append(z.Records, Record{name, kind, data})
}

// delegate adds servers as pairs of name and address; "" is no glue.
func (z *Zone) delegate(name string, pairs ...string) {
	for k := 0; k < len(pairs); k += 2 {
		z.add(name, dnsmessage.TypeNS, pairs[k])
		if pairs[k+1] != "" {
			z.add(pairs[k], dnsmessage.TypeA, pairs[k+1])
		}
	}
}

func newZone(origin string, l Level) Zone {
	z := Zone{Origin: origin, Level: l}
	z.add(origin, dnsmessage.TypeSOA, "ns."+strings.TrimPrefix(origin, ".")+" admin.test. 1 3600 600 86400 300")
	return z
}

// All are the zones.
func (t Tree) All() []Zone {
	root := newZone(".", Root)
	root.delegate(".", "a.root.", RootAddr.String())
	zones := []Zone{}
	for k := range t.TLDs {
		origin := fmt.Sprintf("t%d.", k)
		root.delegate(origin, "ns."+origin, tldAddr(k))
		tld := newZone(origin, TLD)
		tld.delegate(origin, "ns."+origin, tldAddr(k))
		for z := range t.Zones {
			name := fmt.Sprintf("z%d.%s", z, origin)
			servers := []string{"ns1." + name, leafAddr(k + z), "ns2." + name, leafAddr(k + z + 1)}
			tld.delegate(name, servers...)
			zones = append(zones, t.leaf(name, k, z, servers))
		}
		if k == 0 {
			zones = append(zones, odd(&tld)...)
		}
		zones = append(zones, tld)
	}
	return append(zones, root)
}

func (t Tree) leaf(origin string, k, z int, servers []string) Zone {
	leaf := newZone(origin, Leaf)
	leaf.delegate(origin, servers...)
	for i := range t.Names {
		leaf.add(fmt.Sprintf("n%d.%s", i, origin), dnsmessage.TypeA, NameAddr(k, z, i))
	}
	leaf.add("alias."+origin, dnsmessage.TypeCNAME, "n0."+origin)
	leaf.add("away."+origin, dnsmessage.TypeCNAME, fmt.Sprintf("n0.z0.t%d.", (k+1)%t.TLDs))
	leaf.add("nowhere."+origin, dnsmessage.TypeCNAME, "missing."+origin)
	leaf.add("*.wild."+origin, dnsmessage.TypeA, "10.255.0.1")
	leaf.add("ring1."+origin, dnsmessage.TypeCNAME, "ring2."+origin)
	leaf.add("ring2."+origin, dnsmessage.TypeCNAME, "ring1."+origin)
	for i := range ManyAddrs {
		leaf.add("many."+origin, dnsmessage.TypeA, fmt.Sprintf("10.254.0.%d", i))
	}
	for i := range LongTexts {
		leaf.add("long."+origin, dnsmessage.TypeTXT, fmt.Sprintf(`"%03d%s"`, i, strings.Repeat("x", 217)))
	}
	return leaf
}

// odd are the delegations of t0. that are not as they should be.
func odd(tld *Zone) (zones []Zone) {
	serve := func(origin string, pairs ...string) {
		z := newZone(origin, Leaf)
		z.delegate(origin, pairs...)
		z.add("www."+origin, dnsmessage.TypeA, "10.253.0.1")
		zones = append(zones, z)
	}
	tld.delegate("glueless.t0.", "ns1.z0.t1.", "")
	serve("glueless.t0.", "ns1.z0.t1.", "")
	tld.delegate("half.t0.", "ns1.half.t0.", RootAddr.String(), "ns2.half.t0.", leafAddr(3))
	serve("half.t0.", "ns1.half.t0.", RootAddr.String(), "ns2.half.t0.", leafAddr(3))
	tld.delegate("lame.t0.", "ns.lame.t0.", leafAddr(2)) // there, but without the zone
	tld.delegate("upward.t0.", "ns.upward.t0.", RootAddr.String())
	tld.delegate("loopa.t0.", "ns.loopb.t0.", "")
	tld.delegate("loopb.t0.", "ns.loopa.t0.", "")
	tld.delegate("self.t0.", "ns.self.t0.", "")
	tld.delegate("silent.t0.", "ns.silent.t0.", silentAddr)
	return zones
}
