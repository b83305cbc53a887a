package linklayer

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"myriad/internal/seeded"
	"myriad/internal/seq"
)

var (
	macA = [6]byte{2, 0, 0, 0, 0, 0xa}
	macB = [6]byte{2, 0, 0, 0, 0, 0xb}
	ipA  = netip.MustParseAddr("10.1.2.3").As16()
	ipB  = netip.MustParseAddr("192.0.2.77").As16()
	path = NewPath(macA, macB, 64, 0x28)
)

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// randomSegment makes a segment whose options are those that EmitTCP sends.
func randomSegment(r *rand.Rand) Segment {
	s := Segment{
		Seq: seq.Number(r.Uint32()), Ack: seq.Number(r.Uint32()), Flags: Flags(r.Uint32()),
		Window: uint16(r.Uint32()), Urgent: uint16(r.Uint32()),
		Payload: randomBytes(r, r.IntN(700)), Payload2: randomBytes(r, r.IntN(700)),
	}
	if r.IntN(2) == 0 {
		s.Payload2 = nil
	}
	o := &s.Options
	allowed := HasTimestamps
	if s.Flags&SYN != 0 {
		allowed |= HasMSS | HasWindowScale | HasSACKPermitted
	} else if o.SACKCount = r.IntN(4); o.SACKCount > 0 {
		o.Has = HasSACK
	}
	o.Has |= OptionSet(r.Uint32()) & allowed
	if o.Has&HasMSS != 0 {
		o.MSS = uint16(r.Uint32())
	}
	if o.Has&HasWindowScale != 0 {
		o.WindowScale = uint8(r.Uint32())
	}
	if o.Has&HasTimestamps != 0 {
		o.TSVal, o.TSEcr = r.Uint32(), r.Uint32()
	}
	for i := range o.SACKCount {
		start := seq.Number(r.Uint32())
		o.SACK[i] = seq.Range{Start: start, End: start + 1 + seq.Number(r.Uint32N(1<<30))}
	}
	return s
}

// requireGoodChecksums lets gVisor judge a TCP frame.
func requireGoodChecksums(t *testing.T, frame []byte) {
	t.Helper()
	ip := header.IPv4(frame[14:])
	require.True(t, ip.IsValid(len(frame)-14))
	require.True(t, ip.IsChecksumValid())
	tcp := header.TCP(ip.Payload())
	src := tcpip.AddrFromSlice(ip.SourceAddressSlice())
	dst := tcpip.AddrFromSlice(ip.DestinationAddressSlice())
	payload := tcp.Payload()
	require.True(t, tcp.IsChecksumValid(src, dst, checksum.Checksum(payload, 0), uint16(len(payload))))
}

func TestRFC01_RoundTrip(t *testing.T) {
	r := seeded.Rand(t)
	dst := make([]byte, 2048)
	var p Packet
	for range 5000 {
		s := randomSegment(r)
		var sum Sum
		if r.IntN(2) == 0 {
			sum = SumOf(s.Payload).Then(SumOf(s.Payload2))
		}
		id := uint16(r.Uint32())
		n := EmitTCP(dst, &path, ipA, ipB, 40000, 443, id, &s, sum)
		frame := dst[:n]
		require.Equal(t, 54+OptionsLen(&s.Options, s.Flags&SYN != 0)+len(s.Payload)+len(s.Payload2), n)
		requireGoodChecksums(t, frame)
		require.Equal(t, id, header.IPv4(frame[14:]).ID())
		require.EqualValues(t, header.IPv4FlagDontFragment, header.IPv4(frame[14:]).Flags())

		// Padding to Ethernet's minimum and beyond is not part of the segment.
		padded := append(frame[:n:n], randomBytes(r, r.IntN(20))...)
		p.Segment.Options = Options{}
		require.Equal(t, DropNone, Parse(padded, false, &p))
		require.Equal(t, KindTCP, p.Kind)
		require.Equal(t, [2][6]byte{macA, macB}, [2][6]byte{p.EthSource, p.EthDestination})
		require.Equal(t, [2][16]byte{ipA, ipB}, [2][16]byte{p.Source, p.Destination})
		require.Equal(t, [2]uint16{40000, 443}, [2]uint16{p.SourcePort, p.DestinationPort})
		require.Equal(t, [2]uint8{64, 0x28}, [2]uint8{p.TTL, p.TOS})
		want := s
		want.Payload, want.Payload2 = append(s.Payload[:len(s.Payload):len(s.Payload)], s.Payload2...), nil
		require.Equal(t, want, p.Segment)
	}
}
