package afxdp_test

import (
	"fmt"
	"net/netip"
	"time"

	"myriad/iobackend"
	"myriad/iobackend/afxdp"
)

// A worker receives, and sends in return, for the addresses that it said are
// its own; the kernel keeps the rest of the interface.
func Example() {
	device, err := afxdp.Open(iobackend.Config{
		Interface: "eth0",
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer device.Close()
	queue := device.Queue(0)
	received, sent := make([]iobackend.Frame, 64), make([]iobackend.Frame, 64)
	for {
		count, now, err := queue.Receive(received)
		if err != nil {
			fmt.Println(err)
			return
		}
		reply := sent[:queue.Reserve(sent[:count])]
		for i := range reply {
			reply[i].Data = reply[i].Data[:copy(reply[i].Data, received[i].Data)]
		}
		queue.Release(received[:count])
		if err := queue.Transmit(reply); err != nil {
			fmt.Println(err)
			return
		}
		if count == 0 {
			if err := queue.Wait(now + time.Second); err != nil {
				return
			}
		}
	}
}
