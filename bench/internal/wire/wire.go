// Package wire makes the two ends of a measurement: a near network namespace
// for the client, a far one with the stateless far end in it, and a veth pair
// between. All of it ends with the process at the latest.
package wire

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"

	"myriad/bench/internal/farend"
	"myriad/bench/internal/netdev"
	"myriad/internal/testbed"
)

// Addresses of the world; they exist in the two namespaces only.
var (
	// Sources are the client's: 256 addresses.
	Sources = netip.MustParsePrefix("10.83.0.0/24")
	// Targets are the far end's: 65,536 addresses.
	Targets = netip.MustParsePrefix("10.84.0.0/16")
)

const (
	// Interface is the near device's name.
	Interface = "near0"
	// Port is the one that is connected to; the far end answers on each.
	Port = 80

	// FarInterface is the far device's name.
	FarInterface = "far0"
)

// Config says what differs between worlds.
type Config struct {
	// Queues of each end of the veth.
	Queues int
	// Reply is the far end's answer to each request.
	Reply []byte
	// Verify has the far end verify our checksums, slowly.
	Verify bool
	// Bare attaches no far end: the caller brings another one.
	Bare bool
	// PassFar attaches a program that passes everything to the far device, where
	// nothing else is: the near one does not take live frames otherwise.
	PassFar bool
	// Silent has the far end answer no SYN.
	Silent bool
	// Pass attaches a program that passes everything to the near device, for
	// a backend that brings none of its own; a veth does not take what XDP
	// sends otherwise.
	Pass bool
	// Kernel has the near kernel own Sources and know the way to Targets, for
	// clients that use its TCP. Needs Pass.
	Kernel bool
	// Addressed gives the near device an address of its own, outside of Sources,
	// for tools that do not work on one without.
	Addressed bool
}

// World is what New made.
type World struct {
	// Gateway is the far device's address on the link.
	Gateway net.HardwareAddr
	// Near is the near device's.
	Near net.HardwareAddr
	// FarEnd counts what arrived there.
	FarEnd *farend.FarEnd

	near, far *testbed.Namespace
}

// New makes a world.
func New(c Config) (w *World, err error) {
	w = &World{}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	if w.near, err = testbed.NewNamespace(); err != nil {
		return nil, err
	}
	if w.far, err = testbed.NewNamespace(); err != nil {
		return nil, err
	}
	pair, err := testbed.Veth(w.near, w.far, testbed.VethConfig{
		NearName: Interface, FarName: FarInterface,
		Queues:      c.Queues,
		XDPPassNear: c.Pass, XDPPassFar: c.PassFar,
	})
	if err != nil {
		return nil, err
	}
	w.Gateway, w.Near = pair.FarMAC, pair.NearMAC
	if c.Kernel {
		if err := w.kernel(); err != nil {
			return nil, err
		}
	}
	if c.Addressed {
		if err := w.near.AddAddr(Interface, netip.PrefixFrom(Sources.Addr().Prev(), 32)); err != nil {
			return nil, err
		}
	}
	if c.Bare {
		return w, nil
	}
	err = w.far.Do(func() (err error) {
		w.FarEnd, err = farend.Attach(farend.Config{
			Interface: FarInterface, Target: Targets, Reply: c.Reply, Verify: c.Verify, Silent: c.Silent,
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("wire: the far end: %w", err)
	}
	return w, nil
}

// kernel makes the near kernel a client. One address of Targets is the gateway
// to all of them, so that its neighbour table stays small.
func (w *World) kernel() error {
	gateway := Targets.Addr().Next()
	return errors.Join(
		w.near.AddLocalRoute(Sources),
		w.near.AddAddr(Interface, netip.PrefixFrom(Sources.Addr().Next(), 32)),
		w.near.AddLinkRoute(netip.PrefixFrom(gateway, 32), Interface),
		w.near.AddRoute(Targets, gateway, Interface),
		w.near.Sysctl("net/ipv4/ip_local_port_range", "1024 65535"),
	)
}

// Firewall has the near kernel look at what it sends, with connection tracking,
// as a distribution's default rules do.
func (w *World) Firewall() error {
	_, err := w.near.RunInput(`table inet bench {
	chain out { type filter hook output priority 0; policy accept;
		ct state established,related counter accept
		ct state new counter accept
		counter accept
	}
}
`, "nft", "-f", "-")
	if err != nil {
		return fmt.Errorf("wire: firewall: %w", err)
	}
	return nil
}

// Start begins a command in the near namespace; it is killed when this process
// dies.
func (w *World) Start(cmd *exec.Cmd) error { return w.near.Start(cmd) }

// Counters are what the two devices count.
func (w *World) Counters() (near, far netdev.Counters, err error) {
	err = w.near.Do(func() (err error) { near, err = netdev.Read(Interface); return err })
	if err != nil {
		return near, far, err
	}
	err = w.far.Do(func() (err error) { far, err = netdev.Read(FarInterface); return err })
	return near, far, err
}

// Enter runs f in the near namespace, on a thread that is there for that time.
func (w *World) Enter(f func() error) error { return w.near.Do(f) }

// EnterFar is Enter in the far namespace.
func (w *World) EnterFar(f func() error) error { return w.far.Do(f) }

// Close ends the world. It may be called twice.
func (w *World) Close() error {
	var errs []error
	if w.FarEnd != nil {
		errs = append(errs, w.FarEnd.Close())
		w.FarEnd = nil
	}
	for _, ns := range []*testbed.Namespace{w.near, w.far} {
		if ns != nil {
			errs = append(errs, ns.Close())
		}
	}
	return errors.Join(errs...)
}
