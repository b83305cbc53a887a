package tcpclient_test

import (
	"fmt"
	"log"
	"net"
	"net/netip"
	"time"

	"myriad/iobackend"
	"myriad/linklayer"
	"myriad/tcpclient"
)

// harness is what somebody who never saw this code needs in order to drive a
// Client in virtual time. Its methods have the shape of packetdrill's interface
// to a stack in a shared object: the system calls of an application, a network
// device whose far side is the script's, and a clock that moves when it is told.
//
//	socket, connect   connect          netdev_send      netdevSend
//	write             write            netdev_receive   netdevReceive
//	read              read             usleep           usleep
//	shutdown, close   close            gettimeofday     now
//
// It is the device that the Client works on (iobackend.Device and its one
// iobackend.Queue), the clock, and the application (tcpclient.Handler); all of
// it runs on the goroutine that calls.
type harness struct {
	now     time.Duration
	in, out [][]byte // frames on their way to the Client, and from it

	client *tcpclient.Client
	conn   tcpclient.ID
	inbox  []byte // received and not yet read
	state  string
}

var (
	ourMAC, peerMAC = [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}
	ourAddr         = netip.MustParseAddr("192.0.2.1")
	peerAddr        = netip.MustParseAddrPort("198.51.100.7:80")
)

func newHarness() *harness {
	h := &harness{now: time.Hour}
	var err error
	h.client, err = tcpclient.New(tcpclient.Config{
		Interfaces: []tcpclient.Interface{{
			Device: h, Sources: []netip.Prefix{netip.PrefixFrom(ourAddr, 32)}, GatewayMAC: peerMAC[:],
		}},
		Manual: true, Seed: 1, ConnectionsMax: 16, Batch: 16,
	}, func(*tcpclient.Worker) tcpclient.Handler { return h })
	if err != nil {
		log.Fatal(err)
	}
	return h
}

// The system calls.

func (h *harness) connect() {
	h.call(func(w *tcpclient.Worker) error {
		var opened [1]tcpclient.Opened
		w.Open([]tcpclient.Open{{Remote: peerAddr}}, opened[:])
		h.conn, h.state = opened[0].Conn, "connecting"
		return opened[0].Err
	})
}

func (h *harness) write(text string) {
	h.call(func(w *tcpclient.Worker) error {
		var sent [1]tcpclient.Sent
		w.Send([]tcpclient.Send{{Conn: h.conn, Data: []byte(text)}}, sent[:])
		return sent[0].Err // Count tells how much of it was taken
	})
}

func (h *harness) read() string {
	text := string(h.inbox)
	h.inbox = nil
	return text
}

func (h *harness) close() {
	h.call(func(w *tcpclient.Worker) error {
		var errs [1]error
		w.Close([]tcpclient.Close{{Conn: h.conn, How: tcpclient.Fin}}, errs[:])
		return errs[0]
	})
}

// call has the worker do what an application would, and all that follows from
// it at this instant.
func (h *harness) call(f func(w *tcpclient.Worker) error) {
	err := h.client.Do(0, func(w *tcpclient.Worker) {
		if err := f(w); err != nil {
			log.Fatal(err)
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	h.settle()
}

// Events is tcpclient.Handler: what select, read and errno would tell.
func (h *harness) Events(_ *tcpclient.Worker, events []tcpclient.Event) {
	for _, e := range events {
		switch e.Kind {
		case tcpclient.Connected:
			h.state = "connected"
		case tcpclient.Data:
			h.inbox = append(h.inbox, e.Data...)
		case tcpclient.EndOfStream:
			h.state = "end of stream"
		case tcpclient.Closed:
			h.state = "closed"
		case tcpclient.Failed:
			h.state = e.Reason.String()
		}
	}
}

// The clock.

// settle has everything happen that happens now.
func (h *harness) settle() (next time.Duration) {
	for {
		next, busy := h.client.Step()
		if !busy {
			return next
		}
	}
}

// usleep lets time pass, every timer at its own instant.
func (h *harness) usleep(d time.Duration) {
	for end := h.now + d; ; {
		next := h.settle()
		if h.now == end {
			return
		}
		h.now = min(max(next, h.now+time.Microsecond), end)
	}
}

// The network device.

// netdevSend gives the Client a frame.
func (h *harness) netdevSend(frame []byte) {
	h.in = append(h.in, frame)
	h.settle()
}

// netdevReceive takes the next frame that the Client has sent, nil when there
// is none.
func (h *harness) netdevReceive() []byte {
	if len(h.out) == 0 {
		return nil
	}
	frame := h.out[0]
	h.out = h.out[1:]
	return frame
}

func (h *harness) Info() iobackend.Info {
	return iobackend.Info{
		Name: "harness", Method: "by hand", HardwareAddr: net.HardwareAddr(ourMAC[:]),
		MTU: 1500, Queues: 1, FrameBytes: 2048, BatchMax: 16,
	}
}

func (h *harness) Queue(int) iobackend.Queue { return h }
func (h *harness) Close() error              { return nil }

func (h *harness) Receive(frames []iobackend.Frame) (count int, at time.Duration, err error) {
	for count < len(frames) && len(h.in) > 0 {
		frames[count] = iobackend.Frame{Data: h.in[0]}
		h.in, count = h.in[1:], count+1
	}
	return count, h.now, nil
}

func (h *harness) Reserve(frames []iobackend.Frame) int {
	for k := range frames {
		frames[k] = iobackend.Frame{Data: make([]byte, 2048)}
	}
	return len(frames)
}

func (h *harness) Transmit(frames []iobackend.Frame) error {
	for _, f := range frames {
		h.out = append(h.out, f.Data)
	}
	return nil
}

func (h *harness) Release([]iobackend.Frame)           {}
func (h *harness) HandOver(iobackend.Frame, int) bool  { return false } // there is one queue
func (h *harness) Wait(time.Duration) error            { return nil }   // only a worker of its own waits
func (h *harness) Wake()                               {}
func (h *harness) Now() time.Duration                  { return h.now }
func (h *harness) Counters() (none iobackend.Counters) { return none }

// The script: frames are made and read with package linklayer here; a harness
// that has a codec of its own needs none of it.

// want prints the next segment that the Client sent.
func (h *harness) want() *linklayer.Packet {
	var p linklayer.Packet
	if drop := linklayer.Parse(h.netdevReceive(), false, &p); drop != linklayer.DropNone {
		log.Fatal("no segment: ", drop)
	}
	fmt.Printf("%6v > %v %q\n", h.now-time.Hour, p.Segment.Flags, p.Segment.Payload)
	return &p
}

// answer sends a segment that acknowledges p; sent is how many sequence numbers
// the peer has used.
func (h *harness) answer(p *linklayer.Packet, sent uint32, flags linklayer.Flags, text string) {
	g := linklayer.Segment{Flags: flags, Window: 65535, Payload: []byte(text)}
	g.Seq += 5_000_000 // the peer's initial sequence number
	g.Seq = g.Seq.Add(int(sent))
	g.Ack = p.Segment.Seq.Add(p.Segment.Len())
	path := linklayer.NewPath(peerMAC, ourMAC, 64, 0)
	frame := make([]byte, 2048)
	n := linklayer.EmitTCP(frame, &path, p.Destination, p.Source, p.DestinationPort, p.SourcePort, 1, &g, 0)
	fmt.Printf("%6v < %v %q\n", h.now-time.Hour, flags, text)
	h.netdevSend(frame[:n])
}

// Somebody else's harness single-steps a Client in virtual time: a SYN that is
// lost, an exchange, and an end in order.
func Example_stepping() {
	h := newHarness()
	h.connect()
	h.want() // and it is lost
	h.usleep(time.Second)
	syn := h.want()
	h.usleep(40 * time.Millisecond)
	h.answer(syn, 0, linklayer.SYN|linklayer.ACK, "")
	h.want()
	fmt.Println(h.state)

	h.write("hello?")
	request := h.want()
	h.usleep(40 * time.Millisecond)
	h.answer(request, 1, linklayer.ACK|linklayer.PSH, "hello!")
	h.usleep(40 * time.Millisecond) // a delayed ACK
	h.want()
	fmt.Printf("read %q\n", h.read())

	h.close()
	fin := h.want()
	h.answer(fin, 7, linklayer.ACK|linklayer.FIN, "")
	h.want()
	fmt.Println(h.state)
	// Output:
	//     0s > SYN ""
	//     1s > SYN ""
	//  1.04s < SYN|ACK ""
	//  1.04s > ACK ""
	// connected
	//  1.04s > PSH|ACK "hello?"
	//  1.08s < PSH|ACK "hello!"
	//  1.12s > ACK ""
	// read "hello!"
	//  1.12s > FIN|ACK ""
	//  1.12s < FIN|ACK ""
	//  1.12s > ACK ""
	// closed
}
