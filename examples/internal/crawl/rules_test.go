package crawl

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/robots"
)

// meet has a site met, and its rules used.
func meet(b *ruleBook, site string, rules *robots.Rules) (first bool) {
	s, first := b.enter(site)
	s.rules = rules
	b.used(s)
	return first
}

func TestRulesOfTheSitesMetLastAreKept(t *testing.T) {
	var b ruleBook
	require.True(t, meet(&b, "http://a.test", noRules))
	for n := range 2 * ruleSites {
		meet(&b, fmt.Sprintf("http://h%d.test", n), noRules)
		if n%1000 == 0 {
			require.False(t, meet(&b, "http://a.test", noRules), "used again and again")
		}
	}
	require.Len(t, b.sites, ruleSites)
	require.Equal(t, ruleSites, b.order.Len())
	require.True(t, meet(&b, "http://h0.test", noRules))
}

func TestLongRulesAreFewer(t *testing.T) {
	var b ruleBook
	long := robots.Parse(200, bytes.Repeat([]byte("# nothing\n"), robots.BytesMax/10))
	for n := range 1000 {
		meet(&b, fmt.Sprintf("http://h%d.test", n), long)
	}
	require.LessOrEqual(t, b.bytes, ruleBytes)
	require.Len(t, b.sites, ruleBytes/long.Bytes())
}

// TestRulesStayUntilTheyAreUsed: else a crawl of many sites would ask each for
// its robots.txt over and over, and for nothing else.
func TestRulesStayUntilTheyAreUsed(t *testing.T) {
	var b ruleBook
	s, _ := b.enter("http://a.test")
	s.rules = noRules
	for n := range 2 * ruleSites {
		meet(&b, fmt.Sprintf("http://h%d.test", n), noRules)
	}
	_, first := b.enter("http://a.test")
	require.False(t, first)
	b.used(s)
	for n := range 2 * ruleSites {
		meet(&b, fmt.Sprintf("http://h%d.test", n), noRules)
	}
	_, first = b.enter("http://a.test")
	require.True(t, first)
}
