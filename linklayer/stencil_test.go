package linklayer

import (
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/seeded"
	"myriad/internal/seq"
)

// A stencil's frames are EmitTCP4's, byte for byte.
func TestStencilEmitsWhatEmitTCPDoes(t *testing.T) {
	r := seeded.Rand(t)
	syn := Options{Has: HasMSS | HasWindowScale | HasSACKPermitted, MSS: 1460, WindowScale: 7}
	partial := path.WithPartialChecksum()
	for _, seg := range []Segment{{Flags: SYN, Options: syn}, {Flags: ACK}, {Flags: RST | ACK}, {Flags: FIN | ACK | PSH}} {
		s, ok := NewStencil(&seg)
		require.True(t, ok)
		require.Equal(t, seg.Flags, s.Flags())
		for range 2000 {
			n := Numbers{
				Source: r.Uint32(), Destination: r.Uint32(), SourcePort: uint16(r.Uint32()), DestinationPort: uint16(r.Uint32()),
				ID: uint16(r.Uint32()), Window: uint16(r.Uint32()), Seq: seq.Number(r.Uint32()), Ack: seq.Number(r.Uint32()),
			}
			seg.Seq, seg.Ack, seg.Window = n.Seq, n.Ack, n.Window
			for _, p := range []*Path{&path, &partial} {
				want, got := randomBytes(r, 80), randomBytes(r, 80)
				length := EmitTCP4(want, p, n.Source, n.Destination, n.SourcePort, n.DestinationPort, n.ID, &seg, 0)
				require.Equal(t, length, s.Emit(got, p, &n))
				require.Equal(t, want[:length], got[:length])
				require.Zero(t, s.Emit(got[:length-1], p, &n), "no room")
				require.Equal(t, want[:length], got[:length], "untouched")
			}
		}
	}
}

func TestStencilsAreOfWhatTheyHaveRoomFor(t *testing.T) {
	for _, seg := range []Segment{
		{Flags: SYN, Options: Options{Has: HasMSS}},
		{Flags: SYN, Options: Options{Has: HasMSS | HasTimestamps}},
		{Flags: ACK, Payload: []byte("x")},
		{Flags: ACK, Payload2: []byte("x")},
		{Flags: ACK | URG, Urgent: 1},
	} {
		_, ok := NewStencil(&seg)
		require.False(t, ok, "%+v", seg)
	}
	require.Zero(t, new(Stencil).Emit(make([]byte, 80), &path, &Numbers{}), "the zero Stencil emits nothing")
}

func BenchmarkStencil(b *testing.B) {
	dst := make([]byte, 2048)
	s, _ := NewStencil(&Segment{Flags: SYN, Options: Options{Has: HasMSS | HasWindowScale | HasSACKPermitted}})
	var n Numbers
	b.ReportAllocs()
	for range b.N {
		n.Seq++
		s.Emit(dst, &path, &n)
	}
}
