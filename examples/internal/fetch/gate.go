package fetch

import (
	"context"
	"net"
	"net/netip"
	"sync"
)

// gate lets at most limit connections to one address exist at a time, whatever
// those above it do. The frontier keeps to the same limit, so that few ever
// wait here: for a connection that is still being closed, and for a
// robots.txt that was redirected to another address.
type gate struct {
	limit int

	mu    sync.Mutex
	doors map[netip.Addr]*door
}

type door struct {
	users int           // connections, and those who wait for one
	seats chan struct{} // one element per connection
}

func newGate(limit int) *gate {
	return &gate{limit: max(limit, 1), doors: make(map[netip.Addr]*door)}
}

// dial dials once there is a seat. Names pass: their address is not known
// before the dial.
func (g *gate) dial(ctx context.Context, dial DialFunc, network, address string) (net.Conn, error) {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return dial(ctx, network, address)
	}
	leave, err := g.enter(ctx, target.Addr())
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(target), Err: err}
	}
	c, err := dial(ctx, network, address)
	if err != nil {
		leave()
		return nil, err
	}
	return &seated{Conn: c, leave: sync.OnceFunc(leave)}, nil
}

func (g *gate) enter(ctx context.Context, addr netip.Addr) (leave func(), err error) {
	g.mu.Lock()
	d := g.doors[addr]
	if d == nil {
		d = &door{seats: make(chan struct{}, g.limit)}
		g.doors[addr] = d
	}
	d.users++
	g.mu.Unlock()
	select {
	case d.seats <- struct{}{}:
		return func() { <-d.seats; g.forget(addr, d) }, nil
	case <-ctx.Done():
		g.forget(addr, d)
		return nil, ctx.Err()
	}
}

func (g *gate) forget(addr netip.Addr, d *door) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if d.users--; d.users == 0 {
		delete(g.doors, addr)
	}
}

// seated is a connection that gives up its seat when it is closed.
type seated struct {
	net.Conn
	leave func()
}

func (s *seated) Close() error {
	err := s.Conn.Close()
	s.leave()
	return err
}
