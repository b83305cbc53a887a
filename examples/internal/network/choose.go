package network

import (
	"errors"
	"fmt"

	"myriad/internal/testbed"
	"myriad/iobackend"
)

// Choice is the way to the device that was taken, and why.
type Choice struct{ Backend, Why string }

// Choose has open try the ways to a device until one works: the one that is
// asked for, or AF_XDP and, where that cannot be had, AF_PACKET. In the demo
// without the rights of root AF_XDP is not tried.
func Choose(asked string, demo bool, open func(backend string) error) (c Choice, err error) {
	switch {
	case asked != "":
		return Choice{asked, "-backend asks for it"}, open(asked)
	case demo && !testbed.Privileged():
		return Choice{"afpacket", "without root, in a user namespace, there is no AF_XDP"}, open("afpacket")
	}
	first := open(backends[0])
	if !errors.Is(first, iobackend.ErrNotSupported) || len(backends) == 1 {
		return Choice{backends[0], whyFirst}, first
	}
	if err := open(backends[1]); err != nil {
		return c, errors.Join(first, err)
	}
	return Choice{backends[1], first.Error()}, nil
}

// String is the backend's name as people write it.
func (c Choice) String() string {
	names := map[string]string{"afxdp": "AF_XDP", "afpacket": "AF_PACKET", "irlstack": "IRLstack"}
	return names[c.Backend]
}

// Announce words the choice for a device.
func (c Choice) Announce(device string) string {
	return fmt.Sprintf("%v on %s (%s)", c, device, c.Why)
}
