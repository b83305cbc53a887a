//go:build !linux && !windows

package main

import (
	"errors"
	"net"

	"myriad/iobackend"
)

// backendNames are what tcpclient.Interface.Backend may be here.
var backendNames []string

// methodNames are what connect -methods can compare.
var methodNames = []string{"myriad"}

func openSender(iobackend.Config, *sendRow) (iobackend.Device, error) {
	return nil, iobackend.ErrNotSupported
}

func hostInterface(name string) (*net.Interface, error) { return net.InterfaceByName(name) }

// sendQueues are the numbers of queues that send measures by default.
const sendQueues = "1"

func (o *connectOptions) compareEnds() error { return iobackend.ErrNotSupported }

// errNotRoot: both ends cannot be made.
var errNotRoot = errors.New("network namespaces and XDP programs are Linux's: measure there (stack -tables memory and transfer -simulated need neither)")
