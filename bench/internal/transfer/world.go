package transfer

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

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
	downloadPort = 9001
	uploadPort   = 9002
)

// world is near ─ middle ─ far, with servers at the far end.
type world struct {
	near, middle, far *testbed.Namespace
	path              *testbed.Path
	listeners         []net.Listener
	received          atomic.Int64 // by the far end
	servers           sync.WaitGroup
}

// newWorld makes a world in which so many of 1,000 data segments are lost.
// pass attaches to the near end the program that passes everything: a backend
// that brings one of its own does without.
func newWorld(perMille int, direction Direction, pass bool) (w *world, err error) {
	w = &world{}
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
	c := testbed.PathConfig{
		NearName: nearName, FarName: "far0", Queues: 1,
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
	if w.path, err = testbed.LossyPath(w.near, w.middle, w.far, c); err != nil {
		return nil, err
	}
	if pass {
		if err := w.near.AttachXDPPass(nearName); err != nil {
			return nil, err
		}
	}
	return w, errors.Join(w.serve(downloadPort, w.source), w.serve(uploadPort, w.sink))
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
			w.servers.Go(func() { handle(c); c.Close() })
		}
	})
	return nil
}

const blockBytes = 256 << 10

// source sends until the client has had enough.
func (w *world) source(c net.Conn) {
	block := make([]byte, blockBytes)
	for {
		if _, err := c.Write(block); err != nil {
			return
		}
	}
}

// sink counts what comes.
func (w *world) sink(c net.Conn) {
	block := make([]byte, blockBytes)
	for {
		n, err := c.Read(block)
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
	w.servers.Wait()
	for _, ns := range []*testbed.Namespace{w.near, w.middle, w.far} {
		if ns != nil {
			errs = append(errs, ns.Close())
		}
	}
	return errors.Join(errs...)
}
