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
// asked for, or those before, AF_XDP and, where that cannot be had, AF_PACKET. In the
// demo without the rights of root AF_PACKET alone is tried.
func Choose(asked string, demo bool, open func(backend string) error, before ...string) (c Choice, err error) {
	switch {
	case asked != "":
		return Choice{asked, "-backend asks for it"}, open(asked)
	case demo && !testbed.Privileged():
		return Choice{"afpacket", "without root, in a user namespace, there is no AF_XDP"}, open("afpacket")
	}
	why := whyFirst
	var failed error
	for _, way := range append(before, backends...) {
		err := open(way)
		if err == nil || !errors.Is(err, iobackend.ErrNotSupported) {
			return Choice{way, why}, err
		}
		failed = errors.Join(failed, err)
		why = failed.Error()
	}
	return c, failed
}

// String is the backend's name as people write it.
func (c Choice) String() string {
	names := map[string]string{"afxdp": "AF_XDP", "live": "AF_XDP with live frames", "afpacket": "AF_PACKET", "irlstack": "IRLstack"}
	return names[c.Backend]
}

// Announce words the choice for a device.
func (c Choice) Announce(device string) string {
	return fmt.Sprintf("%v on %s (%s)", c, device, c.Why)
}
