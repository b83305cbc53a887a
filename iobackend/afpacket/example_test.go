package afpacket_test

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"myriad/iobackend"
	"myriad/iobackend/afpacket"
)

// Prints the length of each frame that arrives for 192.0.2.10, for a second.
// It needs CAP_NET_RAW and an interface eth0.
func ExampleOpen() {
	device, err := afpacket.Open(iobackend.Config{
		Interface: "eth0",
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.10/32")},
		Queues:    1,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer device.Close()
	queue := device.Queue(0)
	var frames [64]iobackend.Frame
	for end := queue.Now() + time.Second; queue.Now() < end; {
		count, _, err := queue.Receive(frames[:])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		for _, frame := range frames[:count] {
			fmt.Println(len(frame.Data))
		}
		queue.Release(frames[:count])
		if err := queue.Wait(end); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
	}
}
