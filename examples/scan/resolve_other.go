//go:build !linux

package main

import (
	"net"
	"net/netip"

	"myriad/iobackend"
)

func resolve(int, netip.Addr) (net.HardwareAddr, error) { return nil, iobackend.ErrNotSupported }
