package latency

import (
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
)

// FuzzParse: a frame that is read as a segment has headers within it, and a
// length that IPv4 can tell.
func FuzzParse(f *testing.F) {
	b := make([]byte, requestFrame)
	e := emitter{to: make([]byte, 6), from: make([]byte, 6), address: 1, port: 80}
	f.Add(b[:e.emit(b, 7, 1, 2, flagSYN|flagACK, 0)])
	f.Add(b[:e.emit(b, 7, 1, 2, flagACK|flagPSH, messageBytes)])
	f.Fuzz(func(t *testing.T, frame []byte) {
		bounded.Input(t, 1<<20, func() {
			s, ok := parse(frame)
			require.True(t, !ok || len(frame) >= headerBytes)
			require.True(t, s.payload >= 0 && s.payload <= 1<<16-1-40)
		})
	})
}
