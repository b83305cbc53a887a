package afxdp

import "time"

// completionAge is how long a device may keep a frame that it was to send. One
// that it keeps for longer is as good as lost: it is never used again unless its
// completion comes after all, since the device may still read it.
const completionAge = 5 * time.Second

// ages knows how much had been sent a while ago.
type ages struct {
	at    time.Duration
	given uint64
}

// age counts the frames that the device has kept too long, and gives it up when
// they are half of all: no more than a few packets a round trip would get
// through, and soon none. While the link is down they may well wait. It is
// called once in completionAge.
func (q *queue) age(at time.Duration) {
	before := q.aged
	q.aged = ages{at, q.given}
	if q.device.watch.down.Load() {
		q.aged.given = 0
		return
	}
	q.reap()
	late := int64(before.given-q.completed) - int64(q.sockets[0].tx.unconsumed())
	if before.given < q.completed {
		late = 0
	}
	q.counters.late.Store(uint64(max(late, 0)))
	if late*2 >= int64(q.device.plan.send) {
		q.device.stuck.Store(true)
	}
}
