package overlaynet

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"

	"myriad/examples/internal/answerer"
	"myriad/examples/internal/farside"
	"myriad/examples/internal/overlay"
	"myriad/internal/testbed"
)

const (
	farInterface = "demo0"
	nearAddr     = "198.18.0.1/24"
	farAddr      = "198.18.0.2/24"
	// serverMark is in the environment of the child.
	serverMark = "MYRIAD_OVERLAY_SERVER"
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
			return near.AddRoute(overlay.Prefix, netip.MustParsePrefix(farAddr).Addr(), Interface)
		},
		Process: "myriad-demo-overlay", What: "the far end", Mark: serverMark, Task: c,
	})
	if err != nil {
		return nil, fmt.Errorf("overlaynet: %w", err)
	}
	return &World{side}, nil
}

// Stop ends the far end and its namespace, and returns its account.
func (w *World) Stop() (r Result, err error) {
	if r.Usage, err = w.side.Stop(&r.Counts); err != nil {
		err = fmt.Errorf("overlaynet: %w", err)
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
		return fmt.Errorf("overlaynet: %w", err)
	}
	return nil
}

// answer begins to answer, and returns what ends it.
func (c *Config) answer() (end func() (account any, err error), err error) {
	o, err := overlay.New(c.Seed, c.Nodes)
	if err != nil {
		return nil, err
	}
	device, err := answerer.Open(farInterface, c.Backend, overlay.Prefix)
	if err != nil {
		return nil, err
	}
	secret, texts := rand.Uint64(), o.Texts()
	front, err := c.front(o, texts, secret)
	if err != nil {
		return nil, errors.Join(err, device.Close())
	}
	var responders []*responder
	crew := answerer.Start(device, func(l *answerer.Loop) func([]byte) {
		r := &responder{Loop: l, overlay: o, texts: texts, request: c.Request, secret: secret}
		responders = append(responders, r)
		return r.take
	})
	return func() (any, error) {
		defer device.Close()
		err := crew.Stop()
		var total Counts
		for _, r := range responders {
			total.Add(r.account())
		}
		return total, errors.Join(err, front.account(&total), front.close())
	}, nil
}

// front puts a front before the far end, where that works over AF_XDP.
func (c *Config) front(o *overlay.Overlay, texts *overlay.Texts, secret uint64) (*front, error) {
	if c.Backend == "afpacket" {
		return nil, nil
	}
	return placeFront(farInterface, o, texts, c.Request, secret)
}
