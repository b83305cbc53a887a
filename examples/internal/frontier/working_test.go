package frontier_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/frontier"
)

// TestNoMoreAddressesAreInTurnThanAPauseNeeds: with one fetch at a time that
// takes a tenth of a pause, ten or so addresses are enough to have always one
// to ask, however many there are.
func TestNoMoreAddressesAreInTurnThanAPauseNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, frontier.Limits{PerAddress: 1, Pause: time.Second})
		for host := range 1000 {
			add(t, f, urls(fmt.Sprintf("192.0.%d.%d", 2+host/250, host%250), 0, 20))
		}
		asked := map[string]int{}
		start := time.Now()
		for range 220 {
			task, err := f.Next(t.Context())
			require.NoError(t, err)
			asked[task.Site]++
			time.Sleep(100 * time.Millisecond)
			require.NoError(t, f.Done(task, 0, nil))
		}
		require.Equal(t, 22*time.Second, time.Since(start), "never without one")
		require.Less(t, len(asked), 25)
	})
}

// TestAReturnedTaskHasItsTurnBeforeOthers: what was learnt for it, such as the
// site's robots.txt, is of use soon.
func TestAReturnedTaskHasItsTurnBeforeOthers(t *testing.T) {
	f := open(t, frontier.Limits{PerAddress: 1})
	for port := range 100 {
		add(t, f, urls(fmt.Sprintf("192.0.2.1:%d", 8000+port), 0, 1))
	}
	for range 100 {
		task, err := f.Next(t.Context())
		require.NoError(t, err)
		f.Return(task, 0)
		again, err := f.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, task.URL, again.URL)
		require.NoError(t, f.Done(again, 0, nil))
	}
}

// TestAnAddressWithoutEndLeavesTheOthersTheirShare: its pages are far more than
// all others', and each page of it leads to more.
func TestAnAddressWithoutEndLeavesTheOthersTheirShare(t *testing.T) {
	f := open(t, frontier.Limits{PerAddress: 1})
	add(t, f, urls("192.0.2.1", 0, 100))
	for host := range 50 {
		add(t, f, urls(fmt.Sprintf("192.0.3.%d", host), 0, 1))
	}
	for n := 0; ; n++ {
		require.Less(t, n, 1000, "the others are forgotten")
		task, err := f.Next(t.Context())
		require.NoError(t, err)
		var found []frontier.Link
		if task.Addr.String() == "192.0.2.1" {
			found = []frontier.Link{{URL: fmt.Sprintf("http://192.0.2.1/more/%d", n)}}
		}
		require.NoError(t, f.Done(task, 0, found))
		if task.Addr.String() == "192.0.3.49" {
			return
		}
	}
}
