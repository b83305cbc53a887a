package ahead_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/ahead"
)

func TestLinesChangeNothing(t *testing.T) {
	table, indices := make([][12]byte, 100), []uint32{0, 7, 99, 100, 1 << 31, 1<<32 - 1}
	require.Zero(t, testing.AllocsPerRun(10, func() {
		ahead.Lines(table, indices)
		ahead.Lines(table, nil)
		ahead.Lines([]uint64(nil), indices)
	}))
	require.Equal(t, make([][12]byte, 100), table)
	require.Equal(t, []uint32{0, 7, 99, 100, 1 << 31, 1<<32 - 1}, indices)
}
