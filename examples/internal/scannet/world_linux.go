package scannet

import (
	"fmt"
	"io"
	"net/netip"
	"os"

	"myriad/examples/internal/answerer"
	"myriad/examples/internal/farside"
	"myriad/internal/testbed"
)

const (
	farInterface = "demo0"
	nearAddr     = "198.18.0.1/24"
	farAddr      = "198.18.0.2/24"
	// serverMark is in the environment of the child.
	serverMark = "MYRIAD_SCAN_SERVER"
)

// World is the demo's network and its far end.
type World struct{ side *farside.World }

// Start makes the far namespace and the veth pair, and starts the far end. It
// returns when that answers.
func Start(c Config) (*World, error) {
	side, err := farside.Start(farside.Config{
		Veth: testbed.VethConfig{
			NearName: Interface, FarName: farInterface, Queues: c.Queues, DisableOffloads: true,
			NearAddr: netip.MustParsePrefix(nearAddr), FarAddr: netip.MustParsePrefix(farAddr),
			Sources: []netip.Prefix{Sources},
		},
		Routes: func(near, _ *testbed.Namespace) error {
			return near.AddRoute(Prefix, netip.MustParsePrefix(farAddr).Addr(), Interface)
		},
		Process: "myriad-demo-hosts", What: "the far end", Mark: serverMark, Task: c,
	})
	if err != nil {
		return nil, fmt.Errorf("scannet: %w", err)
	}
	return &World{side}, nil
}

// Stop ends the far end and its namespace, and returns its account.
func (w *World) Stop() (r Result, err error) {
	if r.Usage, err = w.side.Stop(&r.Counts); err != nil {
		err = fmt.Errorf("scannet: %w", err)
	}
	return r, err
}

// IsServer reports whether this process is the far end.
func IsServer() bool { return os.Getenv(serverMark) != "" }

// Serve is the child: it reads what to answer for from input, answers until
// the end of input, and writes its account.
func Serve(input io.Reader, output io.Writer) error {
	var c Config
	err := farside.Serve(input, output, &c, c.answer)
	if err != nil {
		return fmt.Errorf("scannet: %w", err)
	}
	return nil
}

// answer begins to answer, and returns what ends it.
func (c *Config) answer() (end func() (account any, err error), err error) {
	device, err := answerer.Open(farInterface, c.Backend, Prefix)
	if err != nil {
		return nil, err
	}
	var responders []*responder
	crew := answerer.Start(device, func(l *answerer.Loop) func([]byte) {
		r := &responder{Loop: l, hosts: Hosts{c.Seed}}
		responders = append(responders, r)
		return r.take
	})
	return func() (any, error) {
		defer device.Close()
		err := crew.Stop()
		var total Counts
		for k, r := range responders {
			d := device.Queue(k).Counters()
			r.counts.Lost = d.DropRingFull + d.DropFillEmpty + d.DropTransmit
			r.counts.Dropped, r.counts.NoFrames = r.Dropped, r.NoFrames
			total.Add(&r.counts)
		}
		return total, err
	}, nil
}
