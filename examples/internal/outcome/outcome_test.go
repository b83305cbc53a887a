package outcome

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCounts(t *testing.T) {
	c := NewCounts("open", TimedOut, Excluded)
	c.Add(0)
	c.Add(2)
	c.Add(2)
	require.Equal(t, map[string]int64{"open": 1, Excluded: 2}, c.Map())
	require.EqualValues(t, 3, Sum(c.Map()))
	require.EqualValues(t, 2, SumNotLooked(c.Map()))
	require.Zero(t, testing.AllocsPerRun(100, func() { c.Add(1) }))
}
