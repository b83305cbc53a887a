package bounded

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorder is a testing.TB that remembers how it failed.
type recorder struct {
	testing.TB
	failure string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) { r.failure = fmt.Sprintf(format, args...) }

var kept []byte

func TestInputCountsWhatIsAllocated(t *testing.T) {
	var r recorder
	Input(&r, 8<<20, func() { kept = make([]byte, 4<<20) })
	require.Empty(t, r.failure)
	Input(&r, 8<<20, func() {
		for range 4 {
			kept = make([]byte, 4<<20)
		}
	})
	require.Contains(t, r.failure, "more than 8388608")
}

func BenchmarkInput(b *testing.B) {
	for range b.N {
		Input(b, 1<<20, func() {})
	}
}
