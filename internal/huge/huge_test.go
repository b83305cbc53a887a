package huge

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestMakeIsMake(t *testing.T) {
	for _, n := range []int{0, 1, 1000, 3 << 20} {
		s := Make[uint32](n)
		require.Len(t, s, n)
		for i := range s {
			require.Zero(t, s[i])
			s[i] = 1
		}
	}
}

func TestAlignedStaysWithin(t *testing.T) {
	memory := make([]byte, 5*pageBytes)
	start := unsafe.Pointer(unsafe.SliceData(memory))
	require.Nil(t, aligned(start, pageBytes-1))
	for _, offset := range []int{0, 1, 4096, pageBytes - 1} {
		inner := aligned(unsafe.Add(start, offset), uintptr(len(memory)-offset))
		first := uintptr(unsafe.Pointer(unsafe.SliceData(inner)))
		require.Zero(t, first%pageBytes)
		require.Zero(t, len(inner)%pageBytes)
		require.GreaterOrEqual(t, len(inner), 3*pageBytes)
		require.LessOrEqual(t, first+uintptr(len(inner)), uintptr(start)+uintptr(len(memory)))
	}
}
