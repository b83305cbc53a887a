package stack

import "time"

// readingTime is what one look at the clock takes, a system call: the least of
// some series. Of the two looks around a call of the device's, one half each falls
// outside of what they measure, and is none of our code either.
func readingTime() time.Duration {
	const looks = 200
	least := time.Duration(1<<63 - 1)
	for range 10 {
		began := threadTime()
		for range looks {
			threadTime()
		}
		least = min(least, (threadTime()-began)/(looks+1))
	}
	return least
}
