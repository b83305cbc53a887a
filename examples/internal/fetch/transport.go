package fetch

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/weburl"
)

// keptMax is how many connections are kept idle, of all addresses together.
const keptMax = 1024

// pinned is an http.Transport for one connection at a time, to the address
// that the frontier has found for the host. It belongs to a slot; between two
// tasks, while kept has it, it may be taken away.
type pinned struct {
	transport *http.Transport // nil once it was taken away
	site      string
	home      home
	element   *list.Element // in kept; nil while in use
}

// home says where a host lives.
type home struct {
	host string
	addr netip.Addr
}

// kept are the transports that no task uses, the longest idle first.
type kept struct {
	mu   sync.Mutex
	idle list.List // of *pinned
}

// pinned is the one of the task's slot, ready for its site, and in use.
func (f *Fetcher) pinned(t *frontier.Task) *pinned {
	p, _ := t.Slot.Keep.(*pinned)
	if p == nil {
		p = new(pinned)
		t.Slot.Keep = p
	}
	f.kept.use(p)
	if p.site != t.Site { // another site, another connection
		p.close()
		p.site = t.Site
	}
	t.Slot.Site = t.Site
	_, host, _ := weburl.Split(t.URL)
	p.home = home{host, t.Addr}
	if p.transport == nil {
		p.transport = f.newTransport(strings.HasPrefix(t.Site, "https:"), p.home)
	}
	return p
}

// newTransport makes a transport whose connections all lead to one home.
func (f *Fetcher) newTransport(secure bool, h home) *http.Transport {
	t := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return f.gate.dial(ctx, f.options.Dial, network, h.place(address))
		},
		DisableCompression:     true, // bytes are counted, and archived, as the server sends them
		MaxConnsPerHost:        1,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: headerBytes,
	}
	if secure {
		t.TLSClientConfig, t.TLSHandshakeTimeout = f.options.TLS.Clone(), f.options.Timeout
		t.ForceAttemptHTTP2 = true
	}
	return t
}

// place replaces the host by its address. There is no other host: redirects
// are not followed here.
func (h home) place(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !strings.EqualFold(host, h.host) || !h.addr.IsValid() {
		return address // which the gate refuses if it is a name
	}
	return net.JoinHostPort(h.addr.String(), port)
}

func (p *pinned) close() {
	if p.transport != nil {
		p.transport.CloseIdleConnections()
		p.transport = nil
	}
}

// use takes a transport out of those that may be taken away.
func (k *kept) use(p *pinned) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p.element != nil {
		k.idle.Remove(p.element)
		p.element = nil
	}
}

// rest puts it there, and takes the oldest away if there are too many.
func (k *kept) rest(p *pinned) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p.element = k.idle.PushBack(p)
	if k.idle.Len() > keptMax {
		k.drop(k.idle.Front())
	}
}

func (k *kept) drop(e *list.Element) {
	p := k.idle.Remove(e).(*pinned)
	p.element = nil
	p.close()
}

// closeIn closes the longest idle connection in a prefix.
func (k *kept) closeIn(prefix netip.Prefix) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for e := k.idle.Front(); e != nil; e = e.Next() {
		if prefix.Contains(e.Value.(*pinned).home.addr) {
			k.drop(e)
			return
		}
	}
}

// prefixOf is the /24 or /64 around an address.
func prefixOf(a netip.Addr) netip.Prefix { return frontier.PrefixOf(a) }
