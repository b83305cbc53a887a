package demoweb

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Web describes a web. All fields must be set; Default is a good start.
type Web struct {
	Seed  uint64
	Pages int // HTML pages that exist
	Hosts int // addresses that they are on, from First upwards
	Port  uint16

	Redirects int
	Missing   int
	Private   int
	Dead      int // URLs of each kind of dead end

	First       netip.Addr // of the hosts
	Closed      uint16     // a port on which no host listens
	Silent      netip.Addr // first of Dead addresses that do not answer
	Unreachable netip.Addr // first of Dead addresses that a router refuses

	// BytesMax is the size of the largest pages.
	BytesMax int
	// SlowMax is the longest that a slow page takes, in milliseconds.
	SlowMax int
}

// Zone is where the names are.
const Zone = "demo.test"

// branches is how many pages a page leads to that no page before it does.
const branches = 8

// Default is a web of the given size.
func Default(seed uint64, pages, hosts int) Web {
	return Web{
		Seed: seed, Pages: pages, Hosts: hosts, Port: 80,
		Redirects: pages / 20, Missing: pages / 50, Private: pages / 100, Dead: min(8, pages),
		First: netip.MustParseAddr("198.19.0.1"), Closed: 81,
		Silent: netip.MustParseAddr("198.19.128.1"), Unreachable: netip.MustParseAddr("198.19.192.1"),
		BytesMax: 4 << 20, SlowMax: 1500,
	}
}

// HostAddr is the address of a host.
func (w *Web) HostAddr(host int) netip.Addr { return addTo(w.First, host) }

// named reports whether links give the host by its name.
func named(host int) bool { return host%2 == 0 }

// hostName is the name of a host that has one.
func hostName(host int) string { return "w" + strconv.Itoa(host) + "." + Zone }

// NameAddr is the address of a name of the zone; ok is false if the name does
// not exist.
func (w *Web) NameAddr(name string) (addr netip.Addr, ok bool) {
	label, ok := strings.CutSuffix(strings.ToLower(strings.TrimSuffix(name, ".")), "."+Zone)
	if !ok || !strings.HasPrefix(label, "w") {
		return netip.Addr{}, false
	}
	host, err := strconv.Atoi(label[1:])
	if err != nil || host < 0 || host >= w.Hosts || hostName(host) != label+"."+Zone || !named(host) {
		return netip.Addr{}, false
	}
	return w.HostAddr(host), true
}

// site is "http://host[:port]" as links spell it.
func (w *Web) site(host string, port uint16) string {
	if port == 80 {
		return "http://" + host
	}
	return "http://" + host + ":" + strconv.Itoa(int(port))
}

// hostSite is the site of a host.
func (w *Web) hostSite(host int) string {
	name := w.HostAddr(host).String()
	if named(host) {
		name = hostName(host)
	}
	return w.site(name, w.Port)
}

// hasRobots reports whether a host has a robots.txt.
func hasRobots(host int) bool { return host%4 != 3 }

// Root is the URL to begin with: everything is reached from it.
func (w *Web) Root() string { return w.PageURL(0) }

// PageURL is the canonical URL of a page. Some have a query, which links must
// escape.
func (w *Web) PageURL(p int) string {
	u := w.hostSite(p%w.Hosts) + "/p/" + strconv.Itoa(p)
	if p%10 == 3 {
		u += "?a=1&b=" + strconv.Itoa(p)
	}
	return u
}

// RedirectURL is the URL of a redirect.
func (w *Web) RedirectURL(i int) string {
	return w.hostSite(w.pick(kindRedirect, i, w.Hosts)) + "/r/" + strconv.Itoa(i)
}

// redirectTarget is where a redirect leads.
func (w *Web) redirectTarget(i int) string {
	return w.PageURL(w.pick(kindTarget, i, w.Pages))
}

// MissingURL is a URL that there is no page for.
func (w *Web) MissingURL(i int) string {
	return w.hostSite(w.pick(kindMissing, i, w.Hosts)) + "/missing/" + strconv.Itoa(i)
}

// PrivateURL is a URL that robots.txt forbids.
func (w *Web) PrivateURL(i int) string {
	host := w.pick(kindPrivate, i, w.Hosts)
	if !hasRobots(host) {
		host--
	}
	return w.hostSite(host) + "/private/" + strconv.Itoa(i)
}

// ClosedURL, SilentURL, UnreachableURL and NamelessURL are dead ends.
func (w *Web) ClosedURL(i int) string {
	return w.site(w.HostAddr(i%w.Hosts).String(), w.Closed) + "/closed/" + strconv.Itoa(i)
}

// SilentURL is on an address that does not answer.
func (w *Web) SilentURL(i int) string {
	return w.site(addTo(w.Silent, i).String(), w.Port) + "/silent"
}

// UnreachableURL is on an address that a router refuses by ICMP.
func (w *Web) UnreachableURL(i int) string {
	return w.site(addTo(w.Unreachable, i).String(), w.Port) + "/unreachable"
}

// NamelessURL has a host whose name does not exist.
func (w *Web) NamelessURL(i int) string {
	return w.site(fmt.Sprintf("nx%d.%s", i, Zone), w.Port) + "/nameless"
}

func addTo(a netip.Addr, n int) netip.Addr {
	b := a.As4()
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	v += uint32(n)
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}

// What pick is asked about, so that answers do not depend on each other.
const (
	kindRedirect = iota + 1
	kindTarget
	kindMissing
	kindPrivate
	kindSize
	kindLarge
	kindSlow
	kindChunked
	kindClose
	kindLink
	kindFiller
)

// pick chooses one of n for the i-th thing of a kind.
func (w *Web) pick(kind, i, n int) int {
	return int(mix(w.Seed+uint64(kind)<<48+uint64(i)) % uint64(n))
}

// mix is the finishing step of SplitMix64 (Steele, Lea, Flood, 2014): it
// spreads neighbouring numbers over all of 64 bits.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hostOf is the host at an address; the inverse of HostAddr.
func (w *Web) hostOf(a netip.Addr) int {
	host := 0
	for first, b, i := w.First.As4(), a.As4(), 0; i < 4; i++ {
		host = host<<8 + int(b[i]) - int(first[i])
	}
	return host
}
