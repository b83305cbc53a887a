package usage

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCoresAreRead(t *testing.T) {
	const text = `cpu  10 20 30 40 50 60 70 80 0 0
cpu0 1 2 3 4 5 6 7 8 0 0
cpu1 10 0 20 60 0 0 5 5 0 0
intr 12345
`
	every := func(int) bool { return true }
	cores, err := parseCores(text, 10*time.Millisecond, every)
	require.NoError(t, err)
	require.Equal(t, []Core{
		{User: 30 * time.Millisecond, System: 30 * time.Millisecond, SoftIRQ: 130 * time.Millisecond, Steal: 80 * time.Millisecond, Idle: 90 * time.Millisecond},
		{User: 100 * time.Millisecond, System: 200 * time.Millisecond, SoftIRQ: 50 * time.Millisecond, Steal: 50 * time.Millisecond, Idle: 600 * time.Millisecond},
	}, cores)
	require.InDelta(t, 0.35, cores[1].Share(cores[1].Busy()), 1e-9)
	require.Equal(t, Core{}, cores[0].Since(cores[0]))
	require.Zero(t, Core{}.Share(0))
	require.Equal(t, 130*time.Millisecond, Sum(cores).User)
	require.Len(t, SinceAll(cores, cores[:1]), 1)

	_, err = parseCores("cpu0 1 2 x 4 5 6 7 8\n", time.Second, every)
	require.ErrorContains(t, err, "cpu0")

	second, err := parseCores(text, 10*time.Millisecond, func(cpu int) bool { return cpu == 1 })
	require.NoError(t, err)
	require.Equal(t, cores[1:], second, "of those that may be used")
}

// Busy is neither idle nor stolen, and was counted: here a fifth of the first one's
// time is in none of its shares, and the second one's ticks are more than was not idle.
func TestBusyIsWhatIsNotIdleAndWasCounted(t *testing.T) {
	first, second := Core{User: 10, System: 5, SoftIRQ: 1, Idle: 64}, Core{User: 40, Idle: 50, Steal: 20}
	b := Whole{Cores: []Core{first}, Elapsed: 100}.Busy()
	require.InDelta(t, 0.16, b.Share, 1e-9)
	b = Whole{Cores: []Core{second}, Elapsed: 100}.Busy()
	require.InDelta(t, 0.3, b.Share, 1e-9)
	b = Whole{Cores: []Core{first, second}, Elapsed: 100}.Busy()
	require.Equal(t, 2, b.Cores)
	require.InDelta(t, 0.28, b.Share, 1e-9)
	require.InDelta(t, 0.25, b.User, 1e-9)
	require.InDelta(t, 0.1, b.Steal, 1e-9)
	require.InDelta(t, 56e-9, b.Seconds(), 1e-15)
	require.Zero(t, Whole{Elapsed: time.Second}.Busy().Share)
	before := Machine()
	time.Sleep(10 * time.Millisecond)
	require.GreaterOrEqual(t, Machine().Since(before).Elapsed, 10*time.Millisecond)
}
