package linklayer_test

import (
	"fmt"
	"net/netip"

	"myriad/linklayer"
)

// A SYN is emitted into a frame and parsed again.
func Example() {
	ours := netip.MustParseAddr("10.0.0.2").As16()
	server := netip.MustParseAddr("192.0.2.80").As16()
	path := linklayer.NewPath([6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}, 64, 0)
	ids := linklayer.NewIDs([32]byte{}) // from crypto/rand, other than here

	syn := linklayer.Segment{Seq: 1000, Flags: linklayer.SYN, Window: 65535}
	syn.Options = linklayer.Options{
		Has: linklayer.HasMSS | linklayer.HasWindowScale | linklayer.HasSACKPermitted,
		MSS: 1460, WindowScale: 8,
	}
	frame := make([]byte, 1514)
	frame = frame[:linklayer.EmitTCP(frame, &path, ours, server, 40000, 80, ids.Next(), &syn, 0)]

	var p linklayer.Packet
	if drop := linklayer.Parse(frame, false, &p); drop != linklayer.DropNone {
		fmt.Println("dropped:", drop)
		return
	}
	fmt.Println(len(frame), p.Kind, p.DestinationPort, p.Segment.Flags, p.Segment.Options.MSS)

	frame[50]++ // a bit error
	fmt.Println("dropped:", linklayer.Parse(frame, false, &p))
	// Output:
	// 66 tcp 80 SYN 1460
	// dropped: tcp_checksum
}

// A payload that many connections send is summed once.
func ExampleSumOf() {
	request := []byte("GET / HTTP/1.0\r\n\r\n")
	sum := linklayer.SumOf(request)
	fmt.Println(sum == linklayer.SumOf(request[:5]).Then(linklayer.SumOf(request[5:])))
	// Output: true
}

// The next hop of a destination, and its hardware address once it is known.
func ExampleNeighbors() {
	routes, err := linklayer.NewRoutes([]linklayer.Route{
		{Prefix: netip.MustParsePrefix("10.0.0.0/24")}, // on the link
		{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("10.0.0.1")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	hop, _ := routes.NextHop(netip.MustParseAddr("192.0.2.80").As16())
	fmt.Println(netip.AddrFrom16(hop).Unmap())

	neighbors := linklayer.NewNeighbors()
	fmt.Println("ask:", neighbors.Request(hop, 0)) // EmitARPRequest
	neighbors.Learn(hop, [6]byte{2, 0, 0, 0, 0, 1}, 1000)
	mac, ok := neighbors.Lookup(hop)
	fmt.Printf("%x %v\n", mac, ok)
	// Output:
	// 10.0.0.1
	// ask: true
	// 020000000001 true
}
