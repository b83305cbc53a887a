package tcpclient

import (
	"context"
	"fmt"
	"net"
	"net/http/httptrace"
	"net/netip"
	"strconv"
	"sync/atomic"
)

// NewResolver returns Go's own resolver with every query going over the
// Dialer, in TCP, to the servers, which take turns:
//
//	d.Resolver = d.NewResolver(netip.MustParseAddrPort("192.0.2.53:53"))
//
// It heeds /etc/hosts and the options of /etc/resolv.conf, but not the servers
// named there.
func (d *Dialer) NewResolver(servers ...netip.AddrPort) *net.Resolver {
	servers = append([]netip.AddrPort(nil), servers...)
	var turn atomic.Uint32
	return &net.Resolver{
		PreferGo: true,
		// Go's resolver asks for "udp" first, and frames its queries for TCP
		// where what it gets is no net.PacketConn.
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if len(servers) == 0 {
				return nil, fmt.Errorf("tcpclient: NewResolver was given no server")
			}
			server := servers[int(turn.Add(1)-1)%len(servers)]
			return d.DialAddrPort(ctx, server)
		},
	}
}

// targets finds what there is to connect to for an address as net.Dial takes
// it.
func (d *Dialer) targets(ctx context.Context, network, address string) ([]netip.AddrPort, error) {
	if network != "tcp" && network != "tcp4" {
		return nil, net.UnknownNetworkError(network)
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := lookupPort(ctx, service)
	if err != nil {
		return nil, err
	}
	if host == "" {
		return nil, &net.AddrError{Err: "missing host", Addr: address}
	}
	addrs := make([]netip.Addr, 1)
	if addrs[0], err = netip.ParseAddr(host); err != nil {
		if addrs, err = d.lookup(ctx, host); err != nil {
			return nil, err
		}
	}
	var targets []netip.AddrPort
	for _, addr := range addrs {
		if addr = addr.Unmap(); addr.Is4() {
			targets = append(targets, netip.AddrPortFrom(addr, port))
		}
	}
	if len(targets) == 0 {
		return nil, &net.AddrError{Err: "no suitable address: only IPv4 can be dialled", Addr: host}
	}
	return targets, nil
}

// lookupPort turns "80" or "http" into a number; names are in a file.
func lookupPort(ctx context.Context, service string) (uint16, error) {
	if port, err := strconv.ParseUint(service, 10, 16); err == nil {
		return uint16(port), nil
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", service)
	return uint16(port), err
}

func (d *Dialer) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if d.Resolver == nil {
		return nil, &net.DNSError{Name: host,
			Err: "Dialer.Resolver is not set, and the kernel's network is not used unasked"}
	}
	return d.Resolver.LookupNetIP(withoutConnectTrace(ctx), "ip4", host)
}

// withoutConnectTrace keeps of the context's httptrace only what concerns
// look-ups (net.Resolver calls it), so that the resolver's own connections,
// over us or over the kernel, are not taken for the one that is being dialled.
func withoutConnectTrace(ctx context.Context) context.Context {
	trace := httptrace.ContextClientTrace(ctx)
	if trace == nil {
		return ctx
	}
	// WithClientTrace would call the trace it finds in ctx beside the new one;
	// so it must not find it.
	parent := &veil{Context: ctx, drawn: true}
	ctx = httptrace.WithClientTrace(parent, &httptrace.ClientTrace{
		DNSStart: trace.DNSStart,
		DNSDone:  trace.DNSDone,
	})
	parent.drawn = false
	return ctx
}

// veil is a context whose values cannot be seen while it is drawn.
type veil struct {
	context.Context
	drawn bool
}

func (v *veil) Value(key any) any {
	if v.drawn {
		return nil
	}
	return v.Context.Value(key)
}
