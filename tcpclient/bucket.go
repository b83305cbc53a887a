package tcpclient

import (
	"time"

	"myriad/linklayer"
)

// refusalsMost is how many replies a bucket has at most for each refusalEvery.
const (
	refusalsMost = 1_000
	refusalEvery = 100 * time.Millisecond
)

// bucket is a rate limit that all peers share. How many replies it has is drawn
// anew for each interval: a fixed number would let who spoofs segments to many
// tuples, and then counts the replies to his own, tell from what is left how
// many of those tuples are connections of ours (CVE-2016-5696). Nothing is added
// within an interval, for once it is empty the same could be done with that.
type bucket struct {
	left  int
	until time.Duration // the end of the interval
}

// take reports whether a reply may leave now, and counts it.
func (b *bucket) take(now time.Duration, random *linklayer.IDs) bool {
	if now >= b.until {
		b.left, b.until = drawRefusals(random), now+refusalEvery
	}
	if b.left == 0 {
		return false
	}
	b.left--
	return true
}

// drawRefusals draws how many replies an interval has: 1,000 less the sum of two
// bytes, of which the ends are rare, so that even whom they tell something waits
// long for one.
func drawRefusals(random *linklayer.IDs) int {
	x := random.Next()
	return refusalsMost - int(x>>8) - int(x&0xff)
}
