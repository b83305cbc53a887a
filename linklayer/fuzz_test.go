package linklayer

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
)

// within reports whether part lies inside frame, its capacity included.
func within(part, frame []byte) bool {
	if cap(part) == 0 {
		return true
	}
	start := uintptr(unsafe.Pointer(unsafe.SliceData(frame)))
	at := uintptr(unsafe.Pointer(unsafe.SliceData(part)))
	return at >= start && at+uintptr(cap(part)) <= start+uintptr(len(frame))
}

// seedFrames are valid frames of each kind, for a fuzzer to spoil.
func seedFrames() [][]byte {
	fragment := fixIP(with(tcpFrame(), 20, 0x20))
	return [][]byte{
		tcpFrame(), udpFrame(), arpFrame(), fragment,
		icmpFrame(8, 0, 1, []byte("ping")), icmpFrame(3, 4, 1400, tcpFrame()[14:]),
	}
}

// FuzzParse: no panic, no payload outside the frame, and what is a good TCP
// frame is one again when it was emitted anew. With repair, checksums are made
// good, so that the fuzzer gets past them.
func FuzzParse(f *testing.F) {
	for _, frame := range seedFrames() {
		f.Add(frame, true)
		f.Add(frame, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, repair bool) {
		bounded.Input(t, 64<<20, func() {
			frame := clone(data) // exact capacity
			frame = frame[:len(frame):len(frame)]
			if repair && len(frame) >= 34 && len(frame) >= 14+int(frame[14]&15)*4 && frame[14]&15 >= 5 {
				fixIP(frame)
			}
			var p Packet
			drop := Parse(frame, repair, &p)
			require.Less(t, drop, DropCount)
			require.Equal(t, drop == DropNone, p.Kind != KindNone)
			require.True(t, within(p.Segment.Payload, frame))
			require.True(t, within(p.UDPPayload, frame))
			require.LessOrEqual(t, p.Segment.Options.SACKCount, 4)
			protocol, port, ok := PeekPort(frame) // of frames that nobody has parsed yet, too
			if p.Kind == KindTCP || p.Kind == KindUDP {
				require.True(t, ok)
				require.Equal(t, p.Protocol, protocol)
				require.Equal(t, p.DestinationPort, port)
			}
			dst := make([]byte, len(frame)+60)
			switch p.Kind {
			case KindTCP:
				reemit(t, dst, &p)
			case KindICMPEcho:
				n := EmitICMPEchoReply(dst, frame)
				require.Equal(t, DropNone, Parse(dst[:n], false, &p))
			case KindARP:
				require.Equal(t, ARPFrameBytes, EmitARPReply(make([]byte, 60), macA, &p.ARP))
			}
			if drop != DropFragment {
				require.Zero(t, EmitICMPEchoReply(nil, frame))
			}
		})
	})
}

// reemit sends what was parsed, and parses it again.
func reemit(t *testing.T, dst []byte, p *Packet) {
	o := &p.Segment.Options
	if o.Has&HasTimestamps != 0 {
		o.SACKCount = min(o.SACKCount, 3) // as many as fit
	}
	n := EmitTCP(dst, &path, p.Source, p.Destination, p.SourcePort, p.DestinationPort, 1, &p.Segment, 0)
	require.NotZero(t, n)
	requireGoodChecksums(t, dst[:n])
	q := Packet{Segment: Segment{Options: *o}}
	require.Equal(t, DropNone, Parse(dst[:n], false, &q))
	require.Equal(t, len(p.Segment.Payload), len(q.Segment.Payload))
	require.Equal(t, string(p.Segment.Payload), string(q.Segment.Payload))
	q.Segment.Payload = p.Segment.Payload
	require.Equal(t, p.Segment, q.Segment)
}

// FuzzOptions: the cursor ends, and reads the same when unknown options, of
// which nothing may depend, are put in front.
func FuzzOptions(f *testing.F) {
	f.Add([]byte("\x02\x04\x05\xb4\x01\x03\x03\x08\x01\x01\x04\x02"), true)
	f.Add([]byte("\x01\x01\x05\x0a\x00\x00\x00\x01\x00\x00\x00\x02"), false)
	f.Add([]byte("\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02\x05\x00"), false)
	f.Fuzz(func(t *testing.T, b []byte, syn bool) {
		bounded.Input(t, 64<<20, func() {
			if len(b) > OptionsBytesMax {
				return
			}
			var got, again Options
			parseOptions(b, syn, &got)
			parseOptions(append([]byte{1, 253, 4, 9, 9}, b...), syn, &again)
			require.Equal(t, got, again)
			require.LessOrEqual(t, got.SACKCount, len(got.SACK))
			require.Equal(t, got.SACKCount > 0, got.Has&HasSACK != 0)
			for _, r := range got.SACK[:got.SACKCount] {
				require.Positive(t, r.Len())
			}
			require.LessOrEqual(t, OptionsLen(&got, syn), OptionsBytesMax)
		})
	})
}

// FuzzReassembler cuts data into fragments with arbitrary fields: no panic,
// bounds hold, and what comes out is a sound frame.
func FuzzReassembler(f *testing.F) {
	f.Add([]byte{1, 0, 0x20, 0, 8, 1, 0, 0, 1, 8})
	f.Add([]byte{1, 0, 0, 1, 8, 1, 0, 0x20, 0, 8, 1, 0, 0x20, 0, 8})
	f.Add([]byte{1, 200, 0, 1, 8, 1, 0, 0x20, 0, 8, 2, 0, 0x20, 0, 16})
	f.Fuzz(func(t *testing.T, script []byte) {
		bounded.Input(t, 64<<20, func() {
			var r Reassembler
			now := time.Duration(0)
			for len(script) >= 5 {
				id, later, offset, size := script[0], script[1], script[2:4], script[4]
				now += time.Duration(later) * 100 * time.Millisecond
				frame := ipFrame(ProtocolUDP, make([]byte, size))
				with(frame, 18, 0, id)
				with(frame, 20, offset...)
				datagram, drop := r.Add(fixIP(frame), now)
				if datagram != nil {
					require.Equal(t, DropNone, drop)
					require.Equal(t, DropNone, checkIPv4(datagram[14:]))
					require.Len(t, datagram, 14+int(datagram[16])<<8+int(datagram[17]))
				}
				require.LessOrEqual(t, r.Pending(), ReassemblyMax)
				script = script[5:]
			}
			c := r.Counters()
			require.LessOrEqual(t, c.Completed+c.Expired+c.Evicted+c.Lost, c.Begun)
			r.Add(script, now) // and plain junk
		})
	})
}
