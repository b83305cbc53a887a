package afpacket

import (
	"fmt"
	"math/bits"
	"net/netip"

	"myriad/iobackend"
)

const (
	framesDefault = 4096
	framesMin     = 64
	framesMax     = 1 << 20
	queuesMax     = 64
	batchMax      = 1024 // what one sendmmsg takes
)

// Open opens an interface of the calling thread's network namespace. Errors
// name the field or the device, the value and the remedy.
func Open(c iobackend.Config) (iobackend.Device, error) {
	if err := withDefaults(&c); err != nil {
		return nil, fmt.Errorf("afpacket: open: %w", err)
	}
	d, err := open(c)
	if err != nil {
		return nil, fmt.Errorf("afpacket: open %s: %w", c.Interface, err)
	}
	return d, nil
}

// withDefaults fills in what is zero and refuses what cannot be.
func withDefaults(c *iobackend.Config) error {
	if c.Interface == "" {
		return fmt.Errorf("Config.Interface is empty: name one, as \"eth0\"")
	}
	for _, f := range []struct {
		name  string
		value *int
	}{{"Config.ReceiveFrames", &c.ReceiveFrames}, {"Config.SendFrames", &c.SendFrames}} {
		if *f.value == 0 {
			*f.value = framesDefault
		}
		if n := *f.value; n < framesMin || n > framesMax || bits.OnesCount(uint(n)) != 1 {
			return fmt.Errorf("%s %d is not a power of two within %d and %d", f.name, n, framesMin, framesMax)
		}
	}
	if c.Queues < 0 || c.Queues > queuesMax {
		return fmt.Errorf("Config.Queues %d is not within 0 and %d", c.Queues, queuesMax)
	}
	if c.Shared != nil {
		return fmt.Errorf("Config.Shared %v: %w: packet sockets cannot keep its ports from the kernel; use AF_XDP, or an address of its own", c.Shared.Address, iobackend.ErrNotSupported)
	}
	if c.TransmitChecksum == iobackend.OffloadOn {
		return fmt.Errorf("Config.TransmitChecksum: %w: packet sockets leave no checksum to the device; use AF_XDP, or OffloadAuto", iobackend.ErrNotSupported)
	}
	if len(c.Addresses) == 0 {
		return fmt.Errorf("Config.Addresses is empty: without one, nothing is ours to receive")
	}
	for i, p := range c.Addresses {
		if !p.IsValid() || !p.Addr().Is4() {
			return fmt.Errorf("Config.Addresses[%d] %v is not an IPv4 prefix, as 192.0.2.0/28", i, p)
		}
		if p != p.Masked() {
			return fmt.Errorf("Config.Addresses[%d] %v has bits beyond its length: write %v", i, p, p.Masked())
		}
	}
	return nil
}

// open does what needs the system.
func open(c iobackend.Config) (_ *Device, err error) {
	d := &Device{name: c.Interface}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	if d.link, err = findLink(c.Interface); err != nil {
		return nil, err
	}
	if err := refuseKernelsOwn(c.Addresses); err != nil {
		return nil, err
	}
	accept, err := ownFilter(c.Addresses)
	if err != nil {
		return nil, err
	}
	if c.Queues == 0 {
		if c.Queues = d.link.queues; c.Queues > queuesMax {
			return nil, fmt.Errorf("Config.Queues is 0 and the device has %d, more than %d: set Queues", d.link.queues, queuesMax)
		}
	}
	for i := range c.Queues {
		q, err := newQueue(d, i, c)
		if q != nil {
			d.queues = append(d.queues, q)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := d.join(accept); err != nil {
		return nil, err
	}
	if err := d.startWatch(); err != nil {
		return nil, err
	}
	return d, nil
}

// refuseKernelsOwn refuses addresses at which the kernel answers: it would
// reset our connections.
func refuseKernelsOwn(addresses []netip.Prefix) error {
	local, err := localPrefixes()
	if err != nil {
		return err
	}
	for i, p := range addresses {
		for _, l := range local {
			if p.Overlaps(l) {
				return fmt.Errorf("Config.Addresses[%d] %v overlaps %v, which is the kernel's own: use addresses that the kernel does not have, or take it away (ip addr del, ip route del table local)", i, p, l)
			}
		}
	}
	return nil
}
