package fetch

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// gate lets at most so many connections to one address, and in one prefix,
// exist at a time, whatever those above it do. The frontier keeps to the same
// limits, so that few ever wait here: for a connection that is still being
// closed, and for room among connections that are kept idle.
type gate struct {
	addresses doors[netip.Addr]
	prefixes  doors[netip.Prefix]
	// makeRoom closes an idle connection in a prefix, if there is one.
	makeRoom func(netip.Prefix)
}

// doors have limit seats each, without limit where that is 0.
type doors[K comparable] struct {
	limit int

	mu   sync.Mutex
	all  map[K]*door
	most atomic.Int64 // seats of one that were taken at a time
}

type door struct {
	users int           // connections, and those who wait for one
	seats chan struct{} // one element per connection
}

func newGate(perAddress, perPrefix int, makeRoom func(netip.Prefix)) *gate {
	return &gate{
		addresses: doors[netip.Addr]{limit: max(perAddress, 1), all: make(map[netip.Addr]*door)},
		prefixes:  doors[netip.Prefix]{limit: perPrefix, all: make(map[netip.Prefix]*door)},
		makeRoom:  makeRoom,
	}
}

// dial dials an address once there are seats.
func (g *gate) dial(ctx context.Context, dial DialFunc, network, address string) (net.Conn, error) {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
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

// enter takes a seat at the address, then one in its prefix.
func (g *gate) enter(ctx context.Context, addr netip.Addr) (leave func(), err error) {
	leaveAddress, err := g.addresses.enter(ctx, addr, func() {})
	if err != nil {
		return nil, err
	}
	prefix := prefixOf(addr)
	leavePrefix, err := g.prefixes.enter(ctx, prefix, func() { g.makeRoom(prefix) })
	if err != nil {
		leaveAddress()
		return nil, err
	}
	return func() { leavePrefix(); leaveAddress() }, nil
}

// enter takes a seat. full is called when there is none yet.
func (ds *doors[K]) enter(ctx context.Context, key K, full func()) (leave func(), err error) {
	if ds.limit <= 0 {
		return func() {}, nil
	}
	d := ds.join(key)
	select {
	case d.seats <- struct{}{}:
		return ds.seat(key, d), nil
	default:
	}
	full()
	select {
	case d.seats <- struct{}{}:
		return ds.seat(key, d), nil
	case <-ctx.Done():
		ds.forget(key, d)
		return nil, ctx.Err()
	}
}

// seat takes note of a seat that was taken, and returns how to leave it.
func (ds *doors[K]) seat(key K, d *door) (leave func()) {
	taken := int64(len(d.seats))
	for most := ds.most.Load(); taken > most && !ds.most.CompareAndSwap(most, taken); most = ds.most.Load() {
	}
	return func() { <-d.seats; ds.forget(key, d) }
}

func (ds *doors[K]) join(key K) *door {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	d := ds.all[key]
	if d == nil {
		d = &door{seats: make(chan struct{}, ds.limit)}
		ds.all[key] = d
	}
	d.users++
	return d
}

func (ds *doors[K]) forget(key K, d *door) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if d.users--; d.users == 0 {
		delete(ds.all, key)
	}
}

// seated is a connection that gives up its seats when it is closed.
type seated struct {
	net.Conn
	leave func()
}

func (s *seated) Close() error {
	err := s.Conn.Close()
	s.leave()
	return err
}
