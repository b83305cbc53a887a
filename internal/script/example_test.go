package script_test

import (
	"fmt"
	"log"
	"net"
	"net/netip"
	"time"

	"myriad/internal/script"
	"myriad/iobackend"
	"myriad/tcpclient"
)

// A script, run by hand.
func ExampleParse() {
	s, err := script.Parse("refused", `
		+0     open
		+0     > S 0:0(0) <...>
		+0.020 < R. 0:0(0) ack 1
		+0     * failed refused
	`)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Run(script.Options{}))
	// Output: <nil>
}

// stepper is a harness of somebody else's making: its clock is a variable, its
// wire two slices. It is all that a Client needs to be driven one turn at a
// time, and has the shape of packetdrill's shared-object interface: netdev_send
// appends to in, netdev_receive takes from out, usleep moves now and steps the
// client, and the socket calls are functions given to Client.Do.
type stepper struct {
	now     time.Duration
	in, out [][]byte
}

func (s *stepper) Info() iobackend.Info {
	return iobackend.Info{
		Name: "stepper", Method: "by hand", HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1},
		MTU: 1500, Queues: 1, FrameBytes: 2048, BatchMax: 64,
	}
}

func (s *stepper) Queue(int) iobackend.Queue { return s }
func (s *stepper) Close() error              { return nil }

func (s *stepper) Receive(frames []iobackend.Frame) (count int, at time.Duration, err error) {
	for count < len(frames) && len(s.in) > 0 {
		frames[count] = iobackend.Frame{Data: s.in[0]}
		s.in, count = s.in[1:], count+1
	}
	return count, s.now, nil
}

func (s *stepper) Reserve(frames []iobackend.Frame) int {
	for k := range frames {
		frames[k] = iobackend.Frame{Data: make([]byte, 2048)}
	}
	return len(frames)
}

func (s *stepper) Transmit(frames []iobackend.Frame) error {
	for _, f := range frames {
		s.out = append(s.out, f.Data)
	}
	return nil
}

func (s *stepper) Release([]iobackend.Frame)           {}
func (s *stepper) HandOver(iobackend.Frame, int) bool  { return false }
func (s *stepper) Wait(time.Duration) error            { return nil }
func (s *stepper) Wake()                               {}
func (s *stepper) Now() time.Duration                  { return s.now }
func (s *stepper) Counters() (none iobackend.Counters) { return none }

// printer is the application.
type printer struct{}

func (printer) Events(_ *tcpclient.Worker, events []tcpclient.Event) {
	for _, e := range events {
		fmt.Println("event:", e.Kind == tcpclient.Failed, e.Reason)
	}
}

// A harness that nobody here wrote single-steps a Client, on its own queue and
// its own clock.
func Example_stepping() {
	world := &stepper{now: time.Hour}
	client, err := tcpclient.New(tcpclient.Config{
		Interfaces: []tcpclient.Interface{{
			Device: world, Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")},
			GatewayMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2},
		}},
		Manual: true, ConnectionsMax: 4, Batch: 16, SYNRetries: 2, Seed: 1,
	}, func(*tcpclient.Worker) tcpclient.Handler { return printer{} })
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Start(); err != nil {
		log.Fatal(err)
	}
	// connect(), as the application's call.
	err = client.Do(0, func(w *tcpclient.Worker) {
		w.Open([]tcpclient.Open{{Remote: netip.MustParseAddrPort("198.51.100.7:80")}}, make([]tcpclient.Opened, 1))
	})
	if err != nil {
		log.Fatal(err)
	}
	for world.now < time.Hour+8*time.Second {
		next, busy := client.Step()
		for _, frame := range world.out {
			fmt.Printf("%v: %d bytes, TCP flags %#x\n", (world.now - time.Hour).Round(100*time.Millisecond), len(frame), frame[14+20+13])
		}
		world.out = nil
		if !busy {
			world.now = max(next, world.now+time.Millisecond)
		}
	}
	// Output:
	// 0s: 66 bytes, TCP flags 0x2
	// 1s: 66 bytes, TCP flags 0x2
	// 3s: 66 bytes, TCP flags 0x2
	// event: true timed out
}
