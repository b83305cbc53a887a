package gso_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/gso"
	"myriad/internal/seq"
	"myriad/linklayer"
)

var (
	nearMAC = [6]byte{2, 0, 0, 0, 0, 1}
	farMAC  = [6]byte{2, 0, 0, 0, 0, 2}
	nearIP  = netip.MustParseAddr("10.79.0.1").As16()
	farIP   = netip.MustParseAddr("10.79.0.2").As16()
	nearIP4 = binary.BigEndian.Uint32(nearIP[12:])
	farIP4  = binary.BigEndian.Uint32(farIP[12:])
)

// long is a segment of so many bytes: its headers, and the payload.
func long(t *testing.T, source [6]byte, hop [6]byte, bytes int) (headers, payload []byte, g linklayer.Segment) {
	t.Helper()
	path := linklayer.NewPath(source, hop, 64, 0)
	g = linklayer.Segment{Seq: 0xffff_f000, Ack: 77, Flags: linklayer.ACK | linklayer.PSH, Window: 500}
	g.Options.Has, g.Options.TSVal, g.Options.TSEcr = linklayer.HasTimestamps, 5, 6
	headers = make([]byte, 128)
	n := linklayer.EmitTCPHeaders(headers, &path, nearIP4, farIP4, 4000, 80, 0xfffe, &g, bytes)
	require.NotZero(t, n)
	payload = make([]byte, bytes)
	random := rand.New(rand.NewPCG(1, uint64(bytes)))
	for k := range payload {
		payload[k] = byte(random.Uint32())
	}
	return headers[:n], payload, g
}

// wanted is what the frames of it must be, each made for itself.
func wanted(source [6]byte, hop [6]byte, g linklayer.Segment, payload []byte, size int) (frames [][]byte) {
	path := linklayer.NewPath(source, hop, 64, 0)
	id := uint16(0xfffe)
	for at := 0; at < len(payload); at += size {
		part := g
		part.Seq = g.Seq + seq.Number(at)
		part.Payload = payload[at:min(at+size, len(payload))]
		if at+size < len(payload) {
			part.Flags &^= linklayer.PSH
		}
		frame := make([]byte, 2048)
		n := linklayer.EmitTCP(frame, &path, nearIP, farIP, 4000, 80, id, &part, 0)
		frames = append(frames, frame[:n])
		id++
	}
	return frames
}

func TestCutMakesTheFramesThatEmitWould(t *testing.T) {
	for _, bytes := range []int{1, 99, 1448, 1449, 2896, 20_000, 65_000} {
		headers, payload, g := long(t, nearMAC, farMAC, bytes)
		var frames [][]byte
		gso.Cut(headers, payload, 1448, make([]byte, 2048), func(frame []byte) {
			frames = append(frames, append([]byte(nil), frame...))
		})
		require.Equal(t, wanted(nearMAC, farMAC, g, payload, 1448), frames)
		count, total := gso.Frames([][]byte{headers, payload}, 1448)
		require.EqualValues(t, len(frames), count)
		require.EqualValues(t, len(joined(frames)), total)
	}
}

func joined(frames [][]byte) []byte { return bytes.Join(frames, nil) }
