package tcpclient

import "time"

// rateInterval is the time between two SYNs of one worker, when rate a second
// are shared by all workers of all interfaces.
func rateInterval(rate float64, workers int) time.Duration {
	return max(time.Duration(float64(workers)/rate*float64(time.Second)), 1)
}
