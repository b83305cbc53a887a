package scan

import "time"

// bucket is what a queue may send. It grows with time up to a depth, which is a
// quarter of the queue's share of a batch, and the client may run it into debt by
// as much. Another quarter may have been granted at an instant and reach the wire
// much later, and the last lie with the client, reserved and not yet sent.
type bucket struct {
	rate   float64 // frames per second; 0 is without limit
	depth  float64
	tokens float64
	at     time.Duration
}

// batchTime is how much of the rate a batch is, at low rates.
const batchTime = 10 * time.Millisecond

// BatchFor is the frames by which a stretch of time may exceed the rate.
func BatchFor(rate float64, batch, queues int) int {
	return max(4*queues, min(batch, int(rate*batchTime.Seconds())))
}

func newBucket(rate float64, batch, queues int) bucket {
	depth := float64(BatchFor(rate, batch, queues)) / float64(4*queues)
	return bucket{rate: rate / float64(queues), depth: depth}
}

// refill returns how many frames may leave at an instant.
func (b *bucket) refill(now time.Duration) int {
	if b.rate == 0 {
		return 1 << 30
	}
	if now > b.at {
		b.tokens = min(b.depth, b.tokens+(now-b.at).Seconds()*b.rate)
		b.at = now
	}
	return int(b.tokens)
}

// credit is what the client may have: it need not wait behind probes.
func (b *bucket) credit(now time.Duration) int {
	b.refill(now)
	if b.rate == 0 {
		return 1 << 30
	}
	return max(0, min(int(b.tokens+b.depth), int(b.depth)))
}

// take accounts for frames; more than refill allowed go from what comes later.
func (b *bucket) take(frames int) { b.tokens -= float64(frames) }

// next is the instant at which sending goes on: with a third of the depth at
// once, rather than a wake-up for each frame.
func (b *bucket) next(now time.Duration) time.Duration {
	wanted := max(1, b.depth/3)
	if b.rate == 0 || b.tokens >= wanted {
		return now
	}
	return b.at + time.Duration((wanted-b.tokens)/b.rate*float64(time.Second)) + 1
}
