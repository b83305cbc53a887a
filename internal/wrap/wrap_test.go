package wrap

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNumbersLieShortlyBeforeThePlace(t *testing.T) {
	for _, n := range []uint32{0, 1, 1999, 2000, 1<<31 - 1, 1 << 31, 1<<32 - 1} {
		isn, clock := uint64(ISN(n)), Clock(time.Hour)
		if !Forced {
			require.EqualValues(t, n, isn)
			require.Equal(t, time.Hour, clock)
			continue
		}
		require.Less(t, isn, uint64(place))
		require.GreaterOrEqual(t, isn+spread, uint64(place))
		require.Equal(t, ahead, place*time.Millisecond-clock)
	}
}
