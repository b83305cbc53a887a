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

func TestLargeSlicesBeginWithAPage(t *testing.T) {
	for _, n := range []int{4 << 20, 5<<20 + 12345} {
		nodes := Make[[12]byte](n)
		require.Len(t, nodes, n)
		require.Equal(t, n, cap(nodes))
		require.Less(t, uintptr(unsafe.Pointer(&nodes[0]))&(pageBytes-1), uintptr(12))
		lines := Make[[64]byte](n / 4)
		require.Zero(t, uintptr(unsafe.Pointer(&lines[0]))&(pageBytes-1))
		lines[len(lines)-1][63] = 1 // it is all there
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
