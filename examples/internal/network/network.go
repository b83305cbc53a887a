package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/time/rate"

	"myriad/iobackend"
	"myriad/tcpclient"
)

// Config says where and how.
type Config struct {
	Interface tcpclient.Interface
	// Rate is the number of new connections per second, those to the resolver
	// included; 0 is without limit.
	Rate float64
	// Resolvers answer DNS queries over TCP; without any, names fail.
	Resolvers []netip.AddrPort
	// SYNRetries is as in tcpclient.Config.
	SYNRetries int
	// Demo is whether the interface is a demo's.
	Demo bool
}

// Network is an open network.
type Network struct {
	dialer   *tcpclient.Dialer
	client   *tcpclient.Client
	limiter  *rate.Limiter // nil without a limit
	resolver *net.Resolver
	way      Choice
}

// Open opens the interface, by the way that Choose takes.
func Open(c Config) (n *Network, err error) {
	way, err := Choose(c.Interface.Backend, c.Demo, func(backend string) (err error) {
		c.Interface.Backend = backend
		n, err = open(c)
		return err
	})
	if err != nil {
		return nil, err
	}
	n.way = way
	return n, nil
}

func open(c Config) (*Network, error) {
	n := new(Network)
	n.dialer = &tcpclient.Dialer{Config: tcpclient.Config{
		Interfaces: []tcpclient.Interface{c.Interface},
		SYNRetries: c.SYNRetries,
	}}
	if c.Rate > 0 {
		n.limiter = rate.NewLimiter(rate.Limit(c.Rate), 1)
	}
	if len(c.Resolvers) > 0 {
		n.resolver = n.newResolver(c.Resolvers)
	}
	var err error
	if n.client, err = n.dialer.Client(); err != nil {
		return nil, err
	}
	return n, nil
}

// newResolver is the Dialer's, within the limit.
func (n *Network) newResolver(servers []netip.AddrPort) *net.Resolver {
	r := n.dialer.NewResolver(servers...)
	dial := r.Dial
	r.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if err := n.wait(ctx); err != nil {
			return nil, err
		}
		return dial(ctx, network, address)
	}
	return r
}

// Way is how the interface was opened, and why.
func (n *Network) Way() Choice { return n.way }

// Dial connects to a host and port within the limit on new connections.
func (n *Network) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err != nil { // a name: looked up before it counts
		addr, err := n.Lookup(ctx, host)
		if err != nil {
			return nil, err
		}
		address = net.JoinHostPort(addr.String(), port)
	}
	if err := n.wait(ctx); err != nil {
		return nil, err
	}
	return n.dialer.DialContext(ctx, network, address)
}

func (n *Network) wait(ctx context.Context) error {
	if n.limiter == nil {
		return nil
	}
	if err := n.limiter.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("network: rate: %w: %w", context.DeadlineExceeded, err)
	}
	return nil
}

// Lookup returns an IPv4 address of a name. Errors are *net.DNSError.
func (n *Network) Lookup(ctx context.Context, host string) (netip.Addr, error) {
	if n.resolver == nil {
		return netip.Addr{}, &net.DNSError{Err: "no -resolver was given", Name: host}
	}
	// With the final dot no search domain of the machine's is tried.
	addrs, err := n.resolver.LookupNetIP(ctx, "ip4", strings.TrimSuffix(host, ".")+".")
	if dns := new(net.DNSError); errors.As(err, &dns) {
		dns.Server = "" // Go names the machine's, which was not asked
	}
	if err != nil {
		return netip.Addr{}, err
	}
	if len(addrs) == 0 {
		return netip.Addr{}, &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	return addrs[0].Unmap(), nil
}

// Devices are those that were opened.
func (n *Network) Devices() []iobackend.Info { return n.client.Devices() }

// Stats are the stack's.
func (n *Network) Stats() tcpclient.Stats { return n.client.Stats() }

// Err is why the stack has stopped working, nil while it works.
func (n *Network) Err() error { return n.client.Err() }

// Close ends all connections and gives the interface back.
func (n *Network) Close(ctx context.Context) error { return n.dialer.Shutdown(ctx) }
