package linklayer

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/seq"
)

// tcpFrame is a valid frame with 12 bytes of options and 5 of payload.
func tcpFrame() []byte {
	dst := make([]byte, 200)
	s := Segment{Seq: 1, Ack: 2, Flags: PSH | ACK, Window: 3, Payload: []byte("hello")}
	s.Options = Options{Has: HasTimestamps, TSVal: 4, TSEcr: 5}
	return dst[:EmitTCP(dst, &path, ipA, ipB, 1000, 80, 7, &s, 0)]
}

func udpFrame() []byte {
	dst := make([]byte, 200)
	return dst[:EmitUDP(dst, &path, ipA, ipB, 1000, 53, 7, []byte("question"), 0)]
}

func arpFrame() []byte {
	dst := make([]byte, ARPFrameBytes)
	return dst[:EmitARPRequest(dst, macA, ipA, ipB, [6]byte{})]
}

// ipFrame wraps a payload of any protocol in a good IPv4 header.
func ipFrame(protocol uint8, payload []byte) []byte {
	dst := make([]byte, 34, 34+len(payload))
	path.emitIPv4(dst, Number(&ipA), Number(&ipB), protocol, 9, 20+len(payload))
	return append(dst, payload...)
}

// icmpFrame makes an ICMP message with a good checksum.
func icmpFrame(kind, code uint8, rest uint32, body []byte) []byte {
	m := append([]byte{kind, code, 0, 0, 0, 0, 0, 0}, body...)
	binary.BigEndian.PutUint32(m[4:], rest)
	binary.BigEndian.PutUint16(m[2:], ^fold(sumBytes(m)))
	return ipFrame(ProtocolICMP, m)
}

// fixIP makes the IPv4 checksum good again.
func fixIP(f []byte) []byte {
	h := f[14 : 14+int(f[14]&15)*4]
	h[10], h[11] = 0, 0
	binary.BigEndian.PutUint16(h[10:], ^fold(sumShort(h)))
	return f
}

// with sets bytes from offset on.
func with(f []byte, offset int, b ...byte) []byte {
	copy(f[offset:], b)
	return f
}

func TestRFC01_RFC52_EveryDropByName(t *testing.T) {
	quote := tcpFrame()[14:42]
	cases := []struct {
		name  string
		frame []byte
		want  Drop
	}{
		{"empty", nil, DropFrameTruncated},
		{"13 bytes", tcpFrame()[:13], DropFrameTruncated},
		{"group source", with(tcpFrame(), 6, 1), DropEthSource},
		{"broadcast destination", with(tcpFrame(), 0, 0xff), DropEthGroup},
		{"length field", with(tcpFrame(), 12, 0, 46), DropEtherType},
		{"LLDP", with(tcpFrame(), 12, 0x88, 0xcc), DropEtherType},
		{"VLAN", with(tcpFrame(), 12, 0x81, 0), DropVLAN},
		{"QinQ", with(tcpFrame(), 12, 0x88, 0xa8), DropVLAN},
		{"IPv6", with(tcpFrame(), 12, 0x86, 0xdd), DropIPv6},

		{"short ARP", arpFrame()[:41], DropARPTruncated},
		{"ARP for tokens", with(arpFrame(), 14, 0, 6), DropARPFormat},
		{"ARP with long addresses", with(arpFrame(), 18, 8), DropARPFormat},
		{"RARP", with(arpFrame(), 20, 0, 3), DropARPFormat},
		{"ARP from a group", with(arpFrame(), 22, 1), DropARPSender},
		{"ARP from zero hardware", with(arpFrame(), 22, 0, 0, 0, 0, 0, 0), DropARPSender},
		{"ARP from broadcast", with(arpFrame(), 28, 255, 255, 255, 255), DropARPSender},
		{"reply from nobody", with(with(arpFrame(), 20, 0, 2), 28, 0, 0, 0, 0), DropARPSender},

		{"short IP", tcpFrame()[:33], DropIPTruncated},
		{"no IP", tcpFrame()[:14], DropIPTruncated},
		{"version 5", with(tcpFrame(), 14, 0x55), DropIPVersion},
		{"header of 16", with(tcpFrame(), 14, 0x44), DropIPHeaderLength},
		{"header of 60 in 40", with(tcpFrame()[:54], 14, 0x4f), DropIPHeaderLength},
		{"total below header", fixIP(with(tcpFrame(), 16, 0, 19)), DropIPTotalLength},
		{"total within options", fixIP(with(with(tcpFrame(), 14, 0x46), 16, 0, 20)), DropIPTotalLength},
		{"total 0", fixIP(with(tcpFrame(), 16, 0, 0)), DropIPTotalLength},
		{"total past frame", fixIP(with(tcpFrame(), 16, 0, 58)), DropIPTotalLength},
		{"header checksum", with(tcpFrame(), 24, 0x12), DropIPChecksum},
		{"from broadcast", fixIP(with(tcpFrame(), 26, 255, 255, 255, 255)), DropIPSource},
		{"from multicast", fixIP(with(tcpFrame(), 26, 224)), DropIPSource},
		{"from loopback", fixIP(with(tcpFrame(), 26, 127)), DropIPSource},
		{"from zero", fixIP(with(tcpFrame(), 26, 0)), DropIPSource},
		{"to multicast", fixIP(with(tcpFrame(), 30, 239)), DropIPDestination},
		{"to itself", fixIP(with(tcpFrame(), 30, ipA[12:]...)), DropIPLand},
		{"SCTP", ipFrame(132, make([]byte, 40)), DropIPProtocol},
		{"first fragment", fixIP(with(tcpFrame(), 20, 0x20)), DropFragment},
		{"later fragment", fixIP(with(tcpFrame(), 20, 0, 1)), DropFragment},
		{"SCTP fragment", fixIP(with(ipFrame(132, make([]byte, 40)), 20, 0x20)), DropIPProtocol},

		{"short TCP", ipFrame(ProtocolTCP, make([]byte, 19)), DropTCPTruncated},
		{"empty TCP", ipFrame(ProtocolTCP, nil), DropTCPTruncated},
		{"offset 4", with(tcpFrame(), 46, 0x40), DropTCPOffset},
		{"offset 0", with(tcpFrame(), 46, 0), DropTCPOffset},
		{"offset past segment", with(tcpFrame(), 46, 0xf0), DropTCPOffset},
		{"TCP checksum", with(tcpFrame(), 70, 'y'), DropTCPChecksum},

		{"short UDP", ipFrame(ProtocolUDP, make([]byte, 7)), DropUDPTruncated},
		{"UDP length 7", with(udpFrame(), 38, 0, 7), DropUDPLength},
		{"UDP length past datagram", with(udpFrame(), 38, 0, 17), DropUDPLength},
		{"UDP checksum", with(udpFrame(), 49, 'N'), DropUDPChecksum},

		{"short ICMP", ipFrame(ProtocolICMP, make([]byte, 7)), DropICMPTruncated},
		{"ICMP checksum", with(icmpFrame(8, 0, 1, nil), 38, 1), DropICMPChecksum},
		{"ICMP redirect", icmpFrame(5, 1, 0, quote), DropICMPRedirect},
		{"source quench", icmpFrame(4, 0, 0, quote), DropICMPSourceQuench},
		{"timestamp request", icmpFrame(13, 0, 0, quote), DropICMPType},
		{"no quote", icmpFrame(3, 3, 0, nil), DropICMPQuote},
		{"quote of 27", icmpFrame(3, 3, 0, quote[:27]), DropICMPQuote},
		{"quote of IPv6", icmpFrame(11, 0, 0, with(clone(quote), 0, 0x65)), DropICMPQuote},
		{"quote with header of 4", icmpFrame(12, 0, 0, with(clone(quote), 0, 0x41)), DropICMPQuote},
		{"quote with options missing", icmpFrame(3, 1, 0, with(clone(quote), 0, 0x46)), DropICMPQuote},
		{"quote of a later fragment", icmpFrame(3, 1, 0, with(clone(quote), 6, 0, 1)), DropICMPQuote},
	}
	seen := map[Drop]bool{}
	for _, c := range cases {
		p := Packet{Kind: KindTCP}
		require.Equal(t, c.want.String(), Parse(c.frame, false, &p).String(), c.name)
		require.Equal(t, KindNone, p.Kind, c.name)
		seen[c.want] = true
	}
	for d := DropFrameTruncated; d < DropCount; d++ {
		ofCaller := d == DropEthAddress || d == DropAddress
		ofReassembler := d >= DropFragmentLength && d <= DropFragmentPoisoned
		require.Equal(t, !ofCaller && !ofReassembler, seen[d], "%v", d)
	}
}

func clone(b []byte) []byte { return append([]byte(nil), b...) }

func TestDropsHaveNames(t *testing.T) {
	names := map[string]bool{}
	for d := range DropCount {
		require.Regexp(t, `^[a-z0-9_]+$`, d.String())
		require.False(t, names[d.String()], "%v twice", d)
		names[d.String()] = true
	}
	require.Equal(t, "unknown", DropCount.String())
	require.Equal(t, "icmp_error", KindICMPError.String())
	require.Equal(t, "unknown", Kind(200).String())
	require.Equal(t, "SYN|ACK", (SYN | ACK).String())
	require.Equal(t, "none", Flags(0).String())
}

func TestRFC01_BackendMayVouchForChecksum(t *testing.T) {
	var p Packet
	require.Equal(t, DropNone, Parse(with(tcpFrame(), 70, 'y'), true, &p))
	require.Equal(t, "hellynull"[:4], string(p.Segment.Payload[:4]))
	require.Equal(t, DropNone, Parse(with(udpFrame(), 49, 'N'), true, &p))
	require.Equal(t, DropICMPChecksum, Parse(with(icmpFrame(8, 0, 1, nil), 38, 1), true, &p))
}

func TestRFC52_OptionsAreSkipped(t *testing.T) {
	frame := tcpFrame()
	long := append(clone(frame[:34]), make([]byte, 40)...) // options: all ends
	long = append(long, frame[34:]...)
	long[14] = 0x4f
	binary.BigEndian.PutUint16(long[16:], uint16(len(long)-14))
	var p Packet
	require.Equal(t, DropNone, Parse(fixIP(long), false, &p))
	require.Equal(t, "hello", string(p.Segment.Payload))
}

func TestRFC52_SmallTTLIsAccepted(t *testing.T) {
	var p Packet
	for _, ttl := range []byte{0, 1} {
		require.Equal(t, DropNone, Parse(fixIP(with(tcpFrame(), 22, ttl)), false, &p))
		require.Equal(t, ttl, p.TTL)
	}
}

func TestRFC04_ReservedBitsIgnored(t *testing.T) {
	var p Packet
	require.Zero(t, tcpFrame()[46]&0xf, "zero when sent")
	require.Equal(t, DropNone, Parse(with(tcpFrame(), 46, 0x8f), true, &p))
	require.Equal(t, PSH|ACK, p.Segment.Flags)
	require.Equal(t, HasTimestamps, p.Segment.Options.Has)
}

func TestPacketIsUsedAgain(t *testing.T) {
	dst := make([]byte, 200)
	s := Segment{Flags: ACK, Options: Options{Has: HasSACK, SACKCount: 2}}
	s.Options.SACK = [4]seq.Range{{Start: 1, End: 2}, {Start: 3, End: 4}}
	var p Packet
	require.Equal(t, DropNone, Parse(dst[:EmitTCP(dst, &path, ipA, ipB, 1, 2, 0, &s, 0)], false, &p))
	require.Equal(t, 2, p.Segment.Options.SACKCount)
	p.Segment.Payload2 = dst
	require.Equal(t, DropNone, Parse(append(tcpFrame(), 1, 2, 3), false, &p))
	require.Zero(t, p.Segment.Options.SACKCount)
	require.Equal(t, HasTimestamps, p.Segment.Options.Has)
	require.Equal(t, 5, p.Segment.Len())
	require.Equal(t, 5, cap(p.Segment.Payload), "padding cannot be reached")

	quote := tcpFrame()[14:]
	require.Equal(t, DropNone, Parse(icmpFrame(ICMPUnreachable, 4, 1400, quote), false, &p))
	require.EqualValues(t, 1400, p.ICMP.MTU)
	require.Equal(t, DropNone, Parse(icmpFrame(ICMPUnreachable, 1, 1400, quote), false, &p))
	require.Zero(t, p.ICMP.MTU)
}

func TestParseARP(t *testing.T) {
	var p Packet
	frame := arpFrame()
	require.Equal(t, broadcastMAC[:], frame[:6])
	require.Equal(t, DropNone, Parse(append(frame, make([]byte, 18)...), false, &p))
	require.Equal(t, KindARP, p.Kind)
	require.Equal(t, ARP{Op: ARPRequest, Sender: macA, SenderIP: ipA, TargetIP: ipB}, p.ARP)

	reply := make([]byte, 60)
	require.Equal(t, 42, EmitARPReply(reply, macB, &p.ARP))
	require.Equal(t, DropNone, Parse(reply[:42], false, &p))
	require.Equal(t, ARP{Op: ARPReply, Sender: macB, SenderIP: ipB, Target: macA, TargetIP: ipA}, p.ARP)
	require.Equal(t, [2][6]byte{macB, macA}, [2][6]byte{p.EthSource, p.EthDestination})

	require.Equal(t, DropNone, Parse(with(arpFrame(), 28, 0, 0, 0, 0), false, &p), "a probe (RFC 5227)")
	require.Equal(t, 42, EmitARPRequest(reply, macA, ipA, ipB, macB))
	require.Equal(t, macB[:], reply[:6], "to the known station")
	require.Zero(t, EmitARP(reply[:41], macB, &p.ARP))
}

func TestParseUDP(t *testing.T) {
	var p Packet
	check := func(frame []byte, want string) {
		t.Helper()
		require.Equal(t, DropNone, Parse(frame, false, &p))
		require.Equal(t, KindUDP, p.Kind)
		require.Equal(t, want, string(p.UDPPayload))
		require.Equal(t, [2]uint16{1000, 53}, [2]uint16{p.SourcePort, p.DestinationPort})
	}
	check(udpFrame(), "question")
	check(with(udpFrame(), 40, 0, 0), "question") // the sender made no checksum
	check(with(udpFrame(), 38, 0, 10, 0, 0), "qu")
	require.Equal(t, 2, cap(p.UDPPayload), "what lies behind cannot be reached")

	// A checksum covers UDP's own length, not what IPv4 has behind it.
	longer := append(udpFrame(), 0xde, 0xad)
	longer[17] += 2
	check(fixIP(longer), "question")

	dst := make([]byte, 100)
	frame := dst[:EmitUDP(dst, &path, ipA, ipB, 1000, 53, 7, []byte("question"), SumOf([]byte("question")))]
	require.Equal(t, udpFrame(), frame, "a sum known before gives the same frame")
	require.Zero(t, EmitUDP(dst[:49], &path, ipA, ipB, 1, 2, 0, []byte("question"), 0))
	require.Zero(t, EmitUDP(make([]byte, 70000), &path, ipA, ipB, 1, 2, 0, make([]byte, 65508), 0))
}

// TestUDPChecksumIsNeverZero looks for a payload whose checksum would be 0.
func TestUDPChecksumIsNeverZero(t *testing.T) {
	dst := make([]byte, 100)
	found := false
	var p Packet
	for i := range 1 << 16 {
		payload := []byte{byte(i >> 8), byte(i)}
		n := EmitUDP(dst, &path, ipA, ipB, 1, 2, 0, payload, 0)
		sum := binary.BigEndian.Uint16(dst[40:])
		require.NotZero(t, sum)
		found = found || sum == 0xffff
		if sum == 0xffff {
			require.Equal(t, DropNone, Parse(dst[:n], false, &p))
		}
	}
	require.True(t, found)
}

func TestRFC46_ICMPErrorsQuote(t *testing.T) {
	for _, kind := range []uint8{ICMPUnreachable, ICMPTimeExceeded, ICMPParameterProblem} {
		var p Packet
		quote := tcpFrame()[14:42] // the least that RFC 792 asks for
		binary.BigEndian.PutUint32(quote[24:], 0xfffffff0)
		require.Equal(t, DropNone, Parse(icmpFrame(kind, 4, 1400, quote), false, &p))
		require.Equal(t, KindICMPError, p.Kind)
		require.Equal(t, Quoted{
			Protocol: ProtocolTCP, Source: ipA, Destination: ipB,
			SourcePort: 1000, DestinationPort: 80, Seq: seq.Number(0xfffffff0),
		}, p.ICMP.Quoted)
		require.Equal(t, [2]uint8{kind, 4}, [2]uint8{p.ICMP.Type, p.ICMP.Code})
		if kind == ICMPUnreachable {
			require.EqualValues(t, 1400, p.ICMP.MTU)
		} else {
			require.Zero(t, p.ICMP.MTU)
		}
	}
	var p Packet
	require.Equal(t, DropNone, Parse(icmpFrame(ICMPUnreachable, 3, 1400, tcpFrame()[14:]), false, &p))
	require.Zero(t, p.ICMP.MTU, "only with fragmentation needed")
}

func TestICMPEcho(t *testing.T) {
	var p Packet
	for _, size := range []int{0, 1, 56, 1000, 1001} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i * 7)
		}
		frame := icmpFrame(ICMPEcho, 0, 0x12340001, data)
		require.Equal(t, DropNone, Parse(append(frame, 1, 2, 3), false, &p))
		require.Equal(t, KindICMPEcho, p.Kind)
		dst := make([]byte, 2000)
		n := EmitICMPEchoReply(dst, append(frame, 1, 2, 3))
		require.Equal(t, len(frame), n)
		require.Equal(t, DropNone, Parse(dst[:n], false, &p))
		require.Equal(t, KindOther, p.Kind)
		require.EqualValues(t, ICMPEchoReply, p.ICMP.Type)
		require.Equal(t, [2][16]byte{ipB, ipA}, [2][16]byte{p.Source, p.Destination})
		require.Equal(t, [2][6]byte{macB, macA}, [2][6]byte{p.EthSource, p.EthDestination})
		require.Equal(t, frame[38:], dst[38:n], "identifier, sequence number and data come back")
		require.Zero(t, EmitICMPEchoReply(dst[:n-1], frame))
	}
	dst := make([]byte, 200)
	require.Zero(t, EmitICMPEchoReply(dst, nil))
	require.Zero(t, EmitICMPEchoReply(dst, tcpFrame()[:30]))
	require.Zero(t, EmitICMPEchoReply(dst, icmpFrame(0, 0, 0, nil)))
	require.Zero(t, EmitICMPEchoReply(dst, ipFrame(ProtocolICMP, []byte{8})))
}

func TestParseDoesNotAllocate(t *testing.T) {
	var p Packet
	frames := [][]byte{
		tcpFrame(), udpFrame(), arpFrame(), icmpFrame(8, 0, 1, nil),
		icmpFrame(3, 3, 0, tcpFrame()[14:]), fixIP(with(tcpFrame(), 20, 0x20)),
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for _, f := range frames {
			Parse(f, false, &p)
		}
	}))
}

// An echo request is read as one, and the reply to it tells its numbers.
func TestEchoThereAndBack(t *testing.T) {
	request, reply := make([]byte, 200), make([]byte, 200)
	n := EmitICMPEcho(request, &path, ipA, ipB, 7, 0xfffe0001, []byte("data."))
	require.Equal(t, 14+20+8+5, n)
	var p Packet
	require.Equal(t, DropNone, Parse(request[:n], false, &p))
	require.Equal(t, KindICMPEcho, p.Kind)
	require.Equal(t, ipA, p.Source)
	m := EmitICMPEchoReply(reply, request[:n])
	require.Equal(t, DropNone, Parse(reply[:m], false, &p))
	require.Equal(t, KindOther, p.Kind)
	require.Equal(t, uint32(0xfffe0001), p.ICMP.Echo)
	require.Equal(t, []byte("data."), reply[m-5:m])
	require.Zero(t, EmitICMPEcho(request[:n-1], &path, ipA, ipB, 7, 1, []byte("data.")))
}
