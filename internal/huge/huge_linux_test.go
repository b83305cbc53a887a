package huge_test

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"myriad/internal/huge"
	"myriad/internal/testbed"
)

// A table of some size has large pages asked for under it.
func TestTablesAskForLargePages(t *testing.T) {
	table := huge.Make[[64]byte](1 << 18)
	asked, err := testbed.AsksForLargePages(unsafe.Slice(&table[0][0], len(table)*64))
	require.NoError(t, err)
	require.True(t, asked)
}
