package usage

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	got := parseStat("cpu  100 5 50 900 7 3 20 0 0 0")
	require.Equal(t, CPU{User: 1050 * time.Millisecond, System: 730 * time.Millisecond}, got)
	require.Zero(t, parseStat("what is this"))
}

func TestProcessTimeGrows(t *testing.T) {
	before := Process()
	for since := (CPU{}); since.User+since.System == 0; since = Process().Since(before) {
	}
	require.NotZero(t, Machine().User)
}

// What is touched shows, to the page.
func TestResidentBytesCountsWhatIsTouched(t *testing.T) {
	const size = 64 << 20
	before := ResidentBytes()
	block := make([]byte, size)
	require.Less(t, ResidentBytes(), before+size/2, "untouched")
	for i := 0; i < size; i += 4096 {
		block[i] = 1
	}
	require.Greater(t, ResidentBytes(), before+size*3/4, "touched")
	require.EqualValues(t, 1, block[0])
}
