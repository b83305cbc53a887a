package main

import (
	"errors"
	"net"
	"slices"

	"myriad/iobackend"
	"myriad/iobackend/irlstack"
)

// backendNames are what tcpclient.Interface.Backend may be here.
var backendNames = []string{"irlstack"}

// methodNames are what connect -methods can compare.
var methodNames = []string{"myriad", "connect", "connectex"}

// openSender opens what a row's method, one by a device, sends by, with requests
// that hold a batch.
func openSender(c iobackend.Config, row *sendRow) (iobackend.Device, error) {
	return irlstack.OpenWith(c, irlstack.Options{RequestFrames: row.Batch})
}

// hostInterface is the interface as the other methods need it: a raw socket is
// bound to an address.
func hostInterface(name string) (*net.Interface, error) { return &net.Interface{Name: name}, nil }

// sendQueues are the numbers of queues that send measures by default.
const sendQueues = "1"

// compareEnds refuses ends that the methods cannot have in common.
func (o *connectOptions) compareEnds() error {
	switch {
	case !o.targets.IsValid():
		return errors.New("-methods needs -target CIDR:PORT, with a far end that is there")
	case o.device == "" && slices.Contains(o.methods, "myriad"):
		return errors.New("-methods myriad needs -interface and -source")
	}
	return nil
}

// errNotRoot: both ends cannot be made here.
var errNotRoot = errors.New("no network namespaces on Windows to make both ends in: give connect or send an -interface")
