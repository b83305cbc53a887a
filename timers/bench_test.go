package timers

import (
	"math/rand/v2"
	"testing"
	"time"
)

const benchSize = 1_000_000

// BenchmarkArmDisarm is a timer that never fires, as most do, among a million.
func BenchmarkArmDisarm(b *testing.B) {
	w := newWheel(b, benchSize, 0)
	order := rand.New(rand.NewPCG(1, 1)).Perm(benchSize)
	for i := range uint32(benchSize) {
		w.Arm(i, time.Duration(i%3000)*Tick+time.Second)
	}
	b.ResetTimer()
	for i := range b.N {
		index := uint32(order[i%benchSize])
		w.Disarm(index)
		w.Arm(index, time.Duration(i%3000)*Tick+time.Second)
	}
}

// BenchmarkFire arms each of a million for 1 to 4 s and advances by a
// millisecond at a time: the cost of one timer from arming to firing.
func BenchmarkFire(b *testing.B) {
	w := newWheel(b, benchSize, 0)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range uint32(benchSize) {
		w.Arm(i, time.Duration(rng.IntN(4000))*Tick)
	}
	fired := make([]uint32, 256)
	now := time.Duration(0)
	b.ResetTimer()
	for done := 0; done < b.N; {
		n, more := w.Advance(now, fired)
		for i, index := range fired[:n] {
			w.Arm(index, now+time.Second+time.Duration((done+i)*7919%3000)*Tick)
		}
		done += n
		if !more {
			now += Tick
		}
	}
}

// BenchmarkTurn is what a worker's turn costs when nothing is due.
func BenchmarkTurn(b *testing.B) {
	w := newWheel(b, 10, 0)
	w.Arm(0, Horizon)
	var fired [16]uint32
	for i := range b.N {
		w.Advance(time.Duration(i)*10*time.Microsecond, fired[:])
		w.Next()
	}
}
