package linklayer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPeekPort(t *testing.T) {
	path := NewPath([6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}, 64, 0)
	frame := make([]byte, 128)
	frame = frame[:EmitTCP(frame, &path, Mapped(0x0a000001), Mapped(0x0a000002), 4000, 80, 1, &Segment{Flags: SYN}, 0)]
	protocol, port, ok := PeekPort(frame)
	require.True(t, ok)
	require.Equal(t, uint8(ProtocolTCP), protocol)
	require.Equal(t, uint16(80), port)
	for name, spoil := range map[string]func(b []byte) []byte{
		"ARP":         func(b []byte) []byte { b[12], b[13] = 8, 6; return b },
		"ICMP":        func(b []byte) []byte { b[23] = ProtocolICMP; return b },
		"a fragment":  func(b []byte) []byte { b[21] = 1; return b },
		"more follow": func(b []byte) []byte { b[20] |= 0x20; return b },
		"cut short":   func(b []byte) []byte { return b[:37] },
		"options cut": func(b []byte) []byte { b[14] = 0x4f; return b[:90-20] },
		"no header":   func(b []byte) []byte { b[14] = 0x44; return b },
	} {
		_, _, ok := PeekPort(spoil(append(append([]byte(nil), frame...), make([]byte, 30)...)[:len(frame)]))
		require.False(t, ok, name)
	}
}
