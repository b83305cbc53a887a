package tcpclient

import (
	"context"
	"fmt"
	"net"
	"net/http/httptrace"
	"net/netip"
	"time"
)

// Dial is DialContext without a context.
func (d *Dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialContext connects to address, "host:port", where the host is an IPv4
// address or a name for Resolver. The addresses of a name are tried in order,
// each with its share of the time that is left. ctx limits the dial, not the
// connection.
//
// The net.Conn is a *Conn. Errors are *net.OpError as the kernel's dialer
// makes them: errors.Is finds ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH,
// ENETUNREACH, the context's errors, os.ErrDeadlineExceeded, net.ErrClosed,
// ErrFull and ErrInvalid. A net/http/httptrace.ClientTrace in ctx is told of
// the look-up and of each attempt to connect.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := d.limit(ctx)
	defer cancel()
	targets, err := d.targets(ctx, network, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Source: d.source(), Err: err}
	}
	return asNetConn(d.dialEach(ctx, network, targets))
}

// DialAddrPort is DialContext for an address that needs no parsing.
func (d *Dialer) DialAddrPort(ctx context.Context, remote netip.AddrPort) (net.Conn, error) {
	ctx, cancel := d.limit(ctx)
	defer cancel()
	return asNetConn(d.dialTraced(ctx, "tcp", remote))
}

// asNetConn keeps a nil *Conn from becoming a net.Conn that is not nil.
func asNetConn(c *Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (d *Dialer) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if d.Timeout > 0 {
		return context.WithTimeout(ctx, d.Timeout)
	}
	return ctx, func() {}
}

// dialEach tries the addresses in order; the first error is the one to report,
// since the first address is the one preferred.
func (d *Dialer) dialEach(ctx context.Context, network string, targets []netip.AddrPort) (*Conn, error) {
	var first error
	for i, target := range targets {
		share, cancel := shareDeadline(ctx, len(targets)-i)
		c, err := d.dialTraced(share, network, target)
		cancel()
		if err == nil {
			return c, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

// attemptMin is the least time an address gets while there is that much left:
// a first SYN and one more, as net.Dialer has it.
const attemptMin = 2 * time.Second

// shareDeadline gives the next of count addresses its share of the time left.
func shareDeadline(ctx context.Context, count int) (context.Context, context.CancelFunc) {
	end, limited := ctx.Deadline()
	if !limited || count < 2 {
		return ctx, func() {}
	}
	left := time.Until(end)
	share := max(left/time.Duration(count), min(left, attemptMin))
	return context.WithTimeout(ctx, share)
}

// dialTraced is dial with the context's httptrace told.
func (d *Dialer) dialTraced(ctx context.Context, network string, remote netip.AddrPort) (*Conn, error) {
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.ConnectStart != nil {
		trace.ConnectStart(network, remote.String())
	}
	c, err := d.dial(ctx, network, remote)
	if trace != nil && trace.ConnectDone != nil {
		trace.ConnectDone(network, remote.String(), err)
	}
	return c, err
}

// dial connects to one address.
func (d *Dialer) dial(ctx context.Context, network string, remote netip.AddrPort) (*Conn, error) {
	fail := func(err error) (*Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Source: d.source(),
			Addr: net.TCPAddrFromAddrPort(remote), Err: dialCause(err)}
	}
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	if !remote.Addr().Is4() {
		return fail(fmt.Errorf("%w: only IPv4 can be dialled", ErrInvalid))
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	if _, err := d.start(); err != nil {
		return fail(err)
	}
	c := newConn(d, network, remote)
	c.mu.Lock()
	c.askNow(wantOpen)
	c.mu.Unlock()
	select {
	case <-c.dialed:
	case <-ctx.Done():
		c.giveUp(ctx.Err())
	}
	if c.dialErr != nil {
		return fail(c.dialErr)
	}
	return c, nil
}

// source is the Source of an OpError; nil as long as none was asked for.
func (d *Dialer) source() net.Addr {
	if !d.Local.Addr().IsValid() {
		return nil
	}
	return net.TCPAddrFromAddrPort(d.Local)
}
