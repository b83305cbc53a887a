package main

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"myriad/internal/netinfo"
)

// resolveFor is how long the kernel has to find a neighbour.
const (
	resolveFor   = 3 * time.Second
	resolveEvery = 20 * time.Millisecond
)

// resolve has the kernel find a neighbour's Ethernet address.
func resolve(index int, neighbor netip.Addr) (net.HardwareAddr, error) {
	r, err := netinfo.OpenResolver(index)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for end := time.Now().Add(resolveFor); time.Now().Before(end); time.Sleep(resolveEvery) {
		mac, known, err := r.Neighbour(neighbor)
		if known || err != nil {
			return mac, err
		}
		if err := r.Want(neighbor); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("it does not answer ARP")
}
