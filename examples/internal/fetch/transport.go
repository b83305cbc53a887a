package fetch

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

// pinned is an http.Transport for one connection at a time, to the address
// that the frontier has found for the host.
type pinned struct {
	*http.Transport
	host atomic.Pointer[home]
}

func (f *Fetcher) newPinned() *pinned {
	p := &pinned{}
	p.Transport = &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return f.gate.dial(ctx, f.options.Dial, network, p.place(address))
		},
		TLSClientConfig:        f.options.TLS,
		TLSHandshakeTimeout:    f.options.Timeout,
		DisableCompression:     true, // bytes are counted as the server sends them
		MaxConnsPerHost:        1,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return p
}

// place replaces the host by its address. A host of another name, which only a
// redirected robots.txt leads to, is left for the dialer to look up.
func (p *pinned) place(address string) string {
	host, port, err := net.SplitHostPort(address)
	h := p.host.Load()
	if err != nil || h == nil || !strings.EqualFold(host, h.host) || !h.addr.IsValid() {
		return address
	}
	return net.JoinHostPort(h.addr.String(), port)
}
