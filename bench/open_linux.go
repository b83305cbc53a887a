package main

import (
	"errors"
	"net"

	"myriad/bench/internal/send"
	"myriad/iobackend"
	"myriad/iobackend/afxdp"
)

// backendNames are what tcpclient.Interface.Backend may be here.
var backendNames = []string{"afxdp", "live", "afpacket"}

// methodNames are what connect -methods can compare.
var methodNames = []string{"myriad", "live", "afpacket", "bare", "bare-live", "epoll", "uring", "connect", "netdial", "netstack", "masscan", "zmap"}

// openSender opens what a row's method, one by a device, sends by.
func openSender(c iobackend.Config, row *sendRow) (iobackend.Device, error) {
	return afxdp.OpenWith(c, afxdp.Options{Live: row.Method == send.LiveMethod})
}

// hostInterface is the interface as the other methods need it.
func hostInterface(name string) (*net.Interface, error) { return net.InterfaceByName(name) }

// sendQueues are the numbers of queues that send measures by default.
const sendQueues = "1,2"

// compareEnds refuses ends that the methods cannot have in common.
func (o *connectOptions) compareEnds() error {
	if o.device != "" || o.targets.IsValid() {
		return errors.New("-methods makes both ends itself: leave -interface and -target out")
	}
	return nil
}

// errNotRoot: both ends cannot be made.
var errNotRoot = errors.New("making network namespaces and loading XDP programs needs root: run it as root (stack -tables memory,cache and transfer -simulated need no rights)")
