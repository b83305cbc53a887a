package netinfo

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
)

// FuzzRSS: whatever a driver answers, a hash that is taken from it has a table
// and a key of the lengths that the answer gave, and nothing from beyond it.
func FuzzRSS(f *testing.F) {
	f.Add(driverAnswer())
	f.Add(driverAnswer()[:rxfhBytes])
	huge := driverAnswer()
	binary.NativeEndian.PutUint32(huge[8:], 1<<30)
	binary.NativeEndian.PutUint32(huge[12:], 1<<32-1)
	f.Add(huge)
	f.Fuzz(func(t *testing.T, answer []byte) {
		bounded.Input(t, 64<<20, func() {
			r := parseRSS(answer)
			if r == nil {
				return
			}
			require.EqualValues(t, binary.NativeEndian.Uint32(answer[8:]), len(r.Indirection))
			require.EqualValues(t, binary.NativeEndian.Uint32(answer[12:]), len(r.Key))
			require.LessOrEqual(t, rxfhBytes+4*len(r.Indirection)+len(r.Key), len(answer))
		})
	})
}
