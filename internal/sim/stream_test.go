package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A piece of a stream is the bytes that any other cut of it has there, also where
// the longest piece goes over the end of the period and of its second copy.
func TestStreamIsTheSameHoweverItIsCut(t *testing.T) {
	const most = 65536
	for _, offset := range []int{0, 1, streamPeriod - 14, streamPeriod - 1, streamPeriod, 5 * streamPeriod / 2} {
		piece := stream(3).at(offset, most)
		require.Len(t, piece, most)
		for k := range piece {
			require.Equal(t, stream(3).at(offset+k, 1)[0], piece[k], "byte %d of the piece at %d", k, offset)
		}
	}
}
