package crawl

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRulesOfTheSitesMetLastAreKept(t *testing.T) {
	var b ruleBook
	_, first := b.enter("http://a.test")
	require.True(t, first)
	for n := range 2 * ruleSites {
		b.enter(fmt.Sprintf("http://h%d.test", n))
		if n%1000 == 0 {
			_, first = b.enter("http://a.test")
			require.False(t, first, "used again and again")
		}
	}
	require.Len(t, b.sites, ruleSites)
	require.Equal(t, ruleSites, b.order.Len())
	_, first = b.enter("http://h0.test")
	require.True(t, first)
}
