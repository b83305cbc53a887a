package bounded

import (
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// TimeMax ends an input that hangs; nothing that works comes near it, on
// however busy a machine.
const TimeMax = 20 * time.Second

// Input runs f on one input. The test fails when f allocates more than bytes in
// all; the process ends, with the stacks of all goroutines, when f takes longer
// than TimeMax.
func Input(t testing.TB, bytes uint64, f func()) {
	t.Helper()
	watchdog := time.AfterFunc(TimeMax, func() {
		debug.SetTraceback("all")
		panic(fmt.Sprintf("bounded: one input took more than %v", TimeMax))
	})
	defer watchdog.Stop()
	before := allocated()
	f()
	if n := allocated() - before; n > bytes {
		t.Fatalf("bounded: one input had %d bytes allocated, more than %d", n, bytes)
	}
}

// allocated is how many bytes the process has taken from the heap so far,
// those given back included.
func allocated() uint64 {
	sample := [1]metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample[:])
	return sample[0].Value.Uint64()
}
