package hostile

import (
	"fmt"
	"net/netip"

	"myriad/linklayer"
	"myriad/tcpclient"
)

var ours = netip.MustParseAddr("10.1.0.2")

// fromNowhere is a packet of a connection that does not exist.
func fromNowhere(flags linklayer.Flags, payload int) func(*world, int) {
	return func(w *world, k int) {
		g := &linklayer.Segment{Seq: irs, Ack: 77, Flags: flags, Payload: make([]byte, payload)}
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 200, byte(k >> 8), byte(k)}), uint16(1000+k))
		w.hitFrame(w.frameFrom(from, ours.As16(), uint16(1+k*7), g))
	}
}

// noMoreOut: for unknown tuples never more bytes out than in.
func noMoreOut(w *world, n int) error {
	if out := int(w.client.Stats().BytesSent); out > w.bytes {
		return fmt.Errorf("%d bytes out for %d in", out, w.bytes)
	}
	return w.counted(n, "no_connection")
}

func strangerAttacks() []Attack {
	return []Attack{
		{
			Name: "SYN-ACKs of nobody", What: "SYN-ACKs for connections that do not exist (reflection)", packet: fromNowhere(linklayer.SYN|linklayer.ACK, 0),
			Bound: "no memory; a RST of no more bytes, 10,000 a second", Where: "tcpclient/worker_receive.go unknown", check: noMoreOut,
		},
		{
			Name: "SYNs of nobody", What: "SYNs to ports of ours", packet: fromNowhere(linklayer.SYN, 0),
			Bound: "as above", Where: "tcpclient/worker_receive.go unknown", check: noMoreOut,
		},
		{
			Name: "a flood of strangers", What: "data for no connection, a million packets a second", packet: fromNowhere(linklayer.ACK, 100), gap: 1000,
			Bound: "490 to 1,000 RSTs in a tenth of a second, a number drawn anew each time, so that it tells nobody what else was answered; apart from ARP and from what our own connections need", Where: "tcpclient/bucket.go", check: noMoreOut,
		},
		{
			Name: "RSTs of nobody", What: "RSTs for no connection", packet: fromNowhere(linklayer.RST, 0),
			Bound: "no answer", Where: "handshake/close.go ReplyUnknown", check: noMoreOut,
		},
		{
			Name: "pings", What: "echo requests", Bound: "a reply of the same size, 10,000 a second", Where: "tcpclient/worker_control.go echo",
			packet: func(w *world, k int) { w.hitFrame(icmpFrame(ours, 8, 0, make([]byte, 60))) },
		},
		{
			Name: "ARP replies", What: "replies that nobody asked for, about ever new addresses", neighbors: true,
			Bound: "ignored: only what was asked for is learned, 1,024 entries at most", Where: "linklayer/neighbors.go Learn", check: counts("arp_unsolicited"),
			packet: func(w *world, k int) {
				w.hitARP(linklayer.ARPReply, netip.AddrFrom4([4]byte{10, 1, byte(k >> 8), byte(k)}), [6]byte{2, 9, 9, 9, byte(k >> 8), byte(k)})
			},
		},
		{
			Name: "another's gateway", What: "ARP replies that claim the gateway's address", neighbors: true, setup: withGateway,
			Bound: "the gateway stays until it does not answer a question of ours, asked once a second", Where: "linklayer/neighbors.go Learn, doubt", check: counts("arp_conflicts"),
			packet: func(w *world, k int) {
				w.hitARP(linklayer.ARPReply, gateway, [6]byte{2, 9, 9, 9, byte(k >> 8), byte(k)})
				w.answerARP()
			},
		},
		{
			Name: "ARP requests", What: "asks for our addresses", neighbors: true,
			Bound: "a reply each, 10,000 a second; nothing is learned", Where: "tcpclient/worker_control.go arp",
			packet: func(w *world, k int) {
				w.hitARP(linklayer.ARPRequest, netip.AddrFrom4([4]byte{10, 1, byte(k >> 8), byte(k)}), [6]byte{2, 9, 9, 9, byte(k >> 8), byte(k)})
			},
		},
		{
			Name: "fragments", What: "first fragments of datagrams that never come to an end", Bound: "64 datagrams and 30 s; the oldest makes room", Where: "linklayer/reassemble.go",
			packet: func(w *world, k int) {
				b := ipFrame(ours, linklayer.ProtocolTCP, 0x2000, 1400)
				b[18], b[19] = byte(k>>8), byte(k)
				b[24], b[25] = 0, 0
				sum := checksum(b[14:34])
				b[24], b[25] = byte(sum>>8), byte(sum)
				w.hitFrame(b)
			},
		},
		{
			Name: "junk", What: "frames of nothing that we know", setup: standing, Bound: "dropped by name", Where: "linklayer/parse.go",
			packet: func(w *world, k int) {
				b := make([]byte, 60+k%1000)
				copy(b, ourMAC[:])
				for i := 6; i < len(b); i++ {
					b[i] = byte(k*31 + i*17)
				}
				w.hitFrame(b)
			},
		},
	}
}

func (w *world) hitARP(op linklayer.ARPOp, ip netip.Addr, mac [6]byte) {
	var b [linklayer.ARPFrameBytes]byte
	n := linklayer.EmitARP(b[:], ourMAC, &linklayer.ARP{Op: op, Sender: mac, SenderIP: ip.As16(), Target: ourMAC, TargetIP: ours.As16()})
	w.hitFrame(b[:n])
}

// answerARP has the gateway answer what it was asked.
func (w *world) answerARP() {
	w.settle()
	for _, a := range w.asked {
		if a.TargetIP == gateway.As16() {
			var b [linklayer.ARPFrameBytes]byte
			n := linklayer.EmitARPReply(b[:], theirMAC, &a)
			w.link.End(1).Inject(b[:n])
		}
	}
	w.asked = w.asked[:0]
}

// withGateway brings up a connection through a next hop that was asked for.
func withGateway(w *world) {
	p := w.open(httpPort, tcpclient.Open{})
	w.answerARP()
	w.settle()
	g := linklayer.Segment{Flags: linklayer.SYN | linklayer.ACK, Seq: irs, Ack: p.iss + 1, Window: 65535}
	w.deliver(p, &g)
	w.pass(100_000_000)
}
