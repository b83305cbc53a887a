package demodns

import (
	"fmt"

	"golang.org/x/net/dns/dnsmessage"
)

// Want is what a name must come to.
type Want struct {
	Name    string
	Type    dnsmessage.Type
	RCode   string // empty for a failure
	Answers int
	Data    string // of the last answer, where there is only one of its type
	Fails   []string
}

// Each yields every name worth asking for.
func (t Tree) Each(yield func(Want) bool) {
	const ok, missing = "NOERROR", "NXDOMAIN"
	for k := range t.TLDs {
		for z := range t.Zones {
			o := fmt.Sprintf("z%d.t%d.", z, k)
			for i := range t.Names {
				if !yield(Want{fmt.Sprintf("n%d.%s", i, o), dnsmessage.TypeA, ok, 1, NameAddr(k, z, i), nil}) {
					return
				}
			}
			for _, w := range []Want{
				{"alias." + o, dnsmessage.TypeA, ok, 2, NameAddr(k, z, 0), nil},
				{"away." + o, dnsmessage.TypeA, ok, 2, NameAddr((k+1)%t.TLDs, 0, 0), nil},
				{"nowhere." + o, dnsmessage.TypeA, missing, 1, "missing." + o, nil},
				{"missing." + o, dnsmessage.TypeA, missing, 0, "", nil},
				{"n0." + o, dnsmessage.TypeAAAA, ok, 0, "", nil},
				{"some.wild." + o, dnsmessage.TypeA, ok, 1, "10.255.0.1", nil},
				{"ring1." + o, dnsmessage.TypeA, "", 0, "", []string{"cname loop"}},
				{"many." + o, dnsmessage.TypeA, ok, ManyAddrs, "", nil},
				{"long." + o, dnsmessage.TypeTXT, ok, LongTexts, "", nil},
				{o, dnsmessage.TypeNS, ok, 2, "", nil},
			} {
				if !yield(w) {
					return
				}
			}
		}
	}
	for _, w := range t.oddWants() {
		if !yield(w) {
			return
		}
	}
}

func (t Tree) oddWants() []Want {
	fails := func(name string, why ...string) Want {
		return Want{Name: "www." + name, Type: dnsmessage.TypeA, Fails: why}
	}
	return []Want{
		{"www.glueless.t0.", dnsmessage.TypeA, "NOERROR", 1, "10.253.0.1", nil},
		{"www.half.t0.", dnsmessage.TypeA, "NOERROR", 1, "10.253.0.1", nil},
		{"missing.tld.", dnsmessage.TypeA, "NXDOMAIN", 0, "", nil},
		fails("lame.t0.", "refused by server", "lame delegation"),
		fails("upward.t0.", "refused by server", "lame delegation"),
		fails("loopa.t0.", "delegation loop"),
		fails("loopb.t0.", "delegation loop"),
		fails("self.t0.", "delegation loop"),
		fails("silent.t0.", "timed out"),
	}
}

// Count is how many Each yields.
func (t Tree) Count() (n int) {
	for range t.Each {
		n++
	}
	return n
}
