package hostile

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// small is the size of an attack; it is run at four times that, too.
const small = 1000

// slack is what the memory of four times the attack may be more than four
// times, and heapSlack what the heap may grow by of itself. Held has none: it is
// the same in every run.
const (
	slack     = 4.4
	heapSlack = 64 << 10
)

// TestAttacksAreBounded: at most one reply for a hostile packet; at four times
// the attack at most 4.4 times the memory; the connection goes on.
func TestAttacksAreBounded(t *testing.T) {
	for _, a := range Attacks() {
		t.Run(a.Name, func(t *testing.T) {
			n := small
			if testing.Short() {
				n /= 5
			}
			one, four := measure(t, &a, n), measure(t, &a, 4*n)
			require.LessOrEqual(t, float64(four.Held), slack*float64(one.Held))
			require.LessOrEqual(t, float64(four.Heap), slack*float64(max(one.Heap, 0))+heapSlack)
			one.SentBy, four.SentBy = nil, nil
			t.Logf("%+v", one)
			t.Logf("%+v", four)
		})
	}
}

// measure runs an attack and compares it with a world without.
func measure(t *testing.T, a *Attack, n int) Result {
	t.Helper()
	quiet, err := Run(a, n, true, nil, nil)
	require.NoError(t, err)
	r, err := Run(a, n, false, nil, nil)
	require.NoError(t, err)
	require.Equal(t, n, r.Packets)
	r.Sent -= quiet.Sent
	r.Out -= quiet.Out
	require.LessOrEqual(t, r.Sent, n, "replies")
	for k := range r.SentBy { // at no time more, either
		require.LessOrEqual(t, r.SentBy[k]-quiet.SentBy[k], k+1+a.sooner, "replies to the first %d packets", k+1)
	}
	return r
}
