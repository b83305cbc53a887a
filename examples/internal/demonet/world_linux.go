package demonet

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"myriad/examples/internal/demoweb"
	"myriad/examples/internal/farside"
	"myriad/internal/testbed"
)

const (
	nearAddr = "198.18.0.1/24"
	farAddr  = "198.18.0.2/24"
	answered = "198.19.0.0/18"
	silent   = "198.19.128.0/18"
	refused  = "198.19.192.0/18"
	queues   = 2
)

// World is the demo's network and its server.
type World struct{ side *farside.World }

// Start makes the far namespace and the veth pair, and starts the demo web. It
// returns when that answers.
func Start(web demoweb.Web) (*World, error) {
	side, err := farside.Start(farside.Config{
		Veth: testbed.VethConfig{
			NearName: Interface, FarName: "demo0", Queues: queues,
			NearAddr: netip.MustParsePrefix(nearAddr), FarAddr: netip.MustParsePrefix(farAddr),
			Sources: []netip.Prefix{Sources}, DisableOffloads: true,
		},
		Routes:  addRoutes,
		Process: "myriad-demo-web", What: "the demo web", Mark: serverMark, Task: web,
	})
	if err != nil {
		return nil, fmt.Errorf("demonet: %w", err)
	}
	return &World{side}, nil
}

// addRoutes has the targets lie behind the far side, which answers for some.
func addRoutes(near, far *testbed.Namespace) error {
	gateway := netip.MustParsePrefix(farAddr).Addr()
	if err := near.AddRoute(Targets, gateway, Interface); err != nil {
		return err
	}
	if err := far.AddLocalRoute(netip.MustParsePrefix(answered)); err != nil {
		return err
	}
	// A router that does not forward sends no ICMP errors either; and it
	// limits how many it sends to one address.
	for key, value := range map[string]string{"net/ipv4/ip_forward": "1", "net/ipv4/icmp_ratelimit": "0"} {
		if err := far.Sysctl(key, value); err != nil {
			return err
		}
	}
	if err := addDeadRoute(far, silent, unix.RTN_BLACKHOLE); err != nil {
		return err
	}
	return addDeadRoute(far, refused, unix.RTN_UNREACHABLE)
}

func addDeadRoute(far *testbed.Namespace, prefix string, kind int) error {
	_, dst, err := net.ParseCIDR(prefix)
	if err != nil {
		return err
	}
	err = far.Do(func() error { return netlink.RouteAdd(&netlink.Route{Dst: dst, Type: kind}) })
	if err != nil {
		return fmt.Errorf("add route to %s: %w", prefix, err)
	}
	return nil
}

// Stop ends the server and the far namespace, and returns the server's
// account.
func (w *World) Stop() (r Result, err error) {
	if r.Usage, err = w.side.Stop(&r.Report); err != nil {
		err = fmt.Errorf("demonet: %w", err)
	}
	return r, err
}
