package transfer

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"myriad/bench/internal/relay"
	"myriad/internal/testbed"
)

// Addresses and ports of the world; they exist in its namespaces only.
var (
	nearPrefix = netip.MustParsePrefix("10.85.0.1/24") // the near kernel's
	farPrefix  = netip.MustParsePrefix("10.86.0.2/24") // the server's
	sources    = netip.MustParsePrefix("10.87.0.0/28") // Myriad's
)

const (
	nearName     = "near0"
	farName      = "far0"
	downloadPort = 9001
	uploadPort   = 9002
)

// world is near ─ middle ─ far, with servers at the far end.
type world struct {
	near, middle, far *testbed.Namespace
	gateway           netip.Addr // of Myriad
	relay             *relay.Relay
	listeners         []net.Listener
	received          atomic.Int64  // by the far end
	blockBytes        int           // of a read
	begun             chan struct{} // closed once all connections stand: nobody sends before
	servers           sync.WaitGroup
	mutex             sync.Mutex // for the next two
	closing           bool
	accepted          []net.Conn
	once              sync.Once
}

// newWorld makes the world of a case. With a delay a relay in the middle carries
// the frames, without one its kernel forwards. The kernel's client needs the
// program that passes everything at the near end, where a backend brings one of
// its own.
func newWorld(c *Case) (w *world, err error) {
	w = &world{blockBytes: blockBytes, begun: make(chan struct{})}
	if c.Connections > 1 {
		w.blockBytes = smallBlockBytes
	}
	perMille := int(c.LossPercent*10 + 0.5)
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	for _, ns := range []**testbed.Namespace{&w.near, &w.middle, &w.far} {
		if *ns, err = testbed.NewNamespace(); err != nil {
			return nil, err
		}
	}
	if c.Delay > 0 {
		err = w.relayed(perMille, c.Delay, c.Direction)
	} else {
		err = w.forwarded(perMille, c.queues(), c.Direction)
	}
	if err != nil {
		return nil, err
	}
	if c.Client == Kernel {
		if err := w.near.AttachXDPPass(nearName); err != nil {
			return nil, err
		}
	}
	return w, errors.Join(w.serve(downloadPort, w.source), w.serve(uploadPort, w.sink))
}

// forwarded has the middle's kernel forward.
func (w *world) forwarded(perMille, queues int, direction Direction) error {
	c := testbed.PathConfig{
		NearName: nearName, FarName: farName, Queues: queues,
		NearAddr: nearPrefix, FarAddr: farPrefix, Sources: []netip.Prefix{sources},
	}
	if perMille > 0 {
		loss := []string{testbed.DropTCP(perMille)}
		if direction == Download {
			c.TowardNear = loss
		} else {
			c.TowardFar = loss
		}
	}
	path, err := testbed.LossyPath(w.near, w.middle, w.far, c)
	if err != nil {
		return err
	}
	w.gateway = path.Gateway
	return nil
}

// The relay's two ends, and its ways.
const (
	relayNear, relayFar   = "tonear", "tofar"
	towardFar, towardNear = 0, 1
)

// relayed has a relay carry the frames, each later by delay.
func (w *world) relayed(perMille int, delay time.Duration, direction Direction) error {
	for _, end := range []struct {
		ns           *testbed.Namespace
		name, middle string
		addr         netip.Prefix
	}{{w.near, nearName, relayNear, nearPrefix}, {w.far, farName, relayFar, farPrefix}} {
		_, err := testbed.Veth(end.ns, w.middle, testbed.VethConfig{
			NearName: end.name, FarName: end.middle, Queues: 1, NearAddr: end.addr,
			XDPPassNear: end.ns == w.far, XDPPassFar: true, DisableOffloads: true,
		})
		if err != nil {
			return err
		}
	}
	w.gateway = farPrefix.Addr() // the ends share a link
	err := errors.Join(
		w.near.AddLinkRoute(farPrefix.Masked(), nearName),
		w.far.AddLinkRoute(nearPrefix.Masked(), farName),
		w.far.AddLinkRoute(sources, farName),
		w.middle.Do(func() (err error) { w.relay, err = relay.New(relayNear, relayFar, 1); return err }),
	)
	if err != nil {
		return err
	}
	data := towardFar
	if direction == Download {
		data = towardNear
	}
	for _, way := range []int{towardFar, towardNear} {
		i := relay.Impairment{Delay: delay}
		if way == data {
			i.Lose = perMille
		}
		w.relay.Set(way, i)
	}
	return nil
}

func (w *world) serve(port uint16, handle func(c net.Conn)) error {
	l, err := w.far.Listen("tcp4", netip.AddrPortFrom(farPrefix.Addr(), port).String())
	if err != nil {
		return err
	}
	w.listeners = append(w.listeners, l)
	w.servers.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.mutex.Lock()
			if w.accepted = append(w.accepted, c); w.closing {
				_ = c.Close() // its handler ends at once
			}
			w.mutex.Unlock()
			w.servers.Go(func() { handle(c); c.Close() })
		}
	})
	return nil
}

// What is written and read at once; of many connections each reads less.
const (
	blockBytes      = 256 << 10
	smallBlockBytes = 32 << 10
)

// block is what everybody sends; nobody writes to it.
var block = make([]byte, blockBytes)

// begin has everybody send: all connections stand, or none will.
func (w *world) begin() { w.once.Do(func() { close(w.begun) }) }

// source sends until the peer has had enough.
func (w *world) source(c net.Conn) {
	<-w.begun
	for {
		if _, err := c.Write(block); err != nil {
			return
		}
	}
}

// sink counts what comes.
func (w *world) sink(c net.Conn) {
	into := make([]byte, w.blockBytes)
	for {
		n, err := c.Read(into)
		w.received.Add(int64(n))
		if err != nil {
			return
		}
	}
}

// close ends the servers; the clients have closed their connections by then.
func (w *world) close() error {
	var errs []error
	for _, l := range w.listeners {
		errs = append(errs, l.Close())
	}
	w.begin()
	w.mutex.Lock()
	w.closing = true
	for _, c := range w.accepted {
		_ = c.Close() // the client's RST may have been lost, and closed it is as well
	}
	w.mutex.Unlock()
	w.servers.Wait()
	if w.relay != nil {
		errs = append(errs, w.relay.Close())
	}
	for _, ns := range []*testbed.Namespace{w.near, w.middle, w.far} {
		if ns != nil {
			errs = append(errs, ns.Close())
		}
	}
	return errors.Join(errs...)
}
