package timers_test

import (
	"fmt"
	"time"

	"myriad/timers"
)

// A SYN goes unanswered: its timer fires, and the next one takes twice as long.
func Example() {
	now := time.Duration(0)
	wheel, err := timers.NewWheel(1000, now)
	if err != nil {
		panic(err)
	}
	var rto timers.RTO
	const connection = 7
	wheel.Arm(connection, now+rto.Value())

	var fired [16]uint32
	for wheel.Len() > 0 && now < 7*time.Second {
		now, _ = wheel.Next() // a worker sleeps until then
		n, _ := wheel.Advance(now, fired[:])
		for _, index := range fired[:n] {
			fmt.Println("SYN again on connection", index, "after", now)
			rto.Backoff()
			wheel.Arm(index, now+rto.Value())
		}
	}
	// Output:
	// SYN again on connection 7 after 1s
	// SYN again on connection 7 after 3s
	// SYN again on connection 7 after 7s
}
