package simlink_test

import (
	"fmt"
	"time"

	"myriad/iobackend"
	"myriad/iobackend/simlink"
)

// A peer played by a function, over a link with 10 ms of delay.
func Example() {
	link, err := simlink.New(simlink.Config{Seed: 1, Ends: []simlink.EndConfig{
		{Impairments: simlink.Impairments{Delay: 10 * time.Millisecond}}, {},
	}})
	if err != nil {
		panic(err)
	}
	defer link.Close()
	peer := link.End(1)
	peer.OnFrame(func(at time.Duration, frame []byte) {
		fmt.Println("peer got", len(frame), "bytes at", at)
		peer.Inject(frame)
	})

	queue := link.End(0).Queue(0)
	var frames [1]iobackend.Frame
	queue.Reserve(frames[:])
	frames[0].Data = frames[0].Data[:60]
	queue.Transmit(frames[:])

	for count := 0; count == 0; {
		if at, ok := link.Clock().NextEvent(); ok {
			link.Clock().AdvanceTo(at)
		}
		var at time.Duration
		count, at, _ = queue.Receive(frames[:])
		fmt.Println("received", count, "at", at)
	}
	queue.Release(frames[:])
	// Output:
	// peer got 60 bytes at 10ms
	// received 1 at 10ms
}
