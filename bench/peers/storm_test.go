package peers

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend/simlink"
)

// storms are wires that a TCP has to be patient with.
var storms = []variant{
	{name: "loss and reordering of 20 %", impair: simlink.Impairments{
		Loss: 0.2, Reorder: 0.2, ReorderDelay: 3 * time.Millisecond,
	}},
	{name: "a narrow wire with a short queue", impair: simlink.Impairments{RateBPS: 10_000_000, QueueFrames: 20}},
}

// What the simulation does with its own peers in virtual time, with one that
// nobody here wrote.
func TestStormsWithNetstack(t *testing.T) {
	for _, v := range storms {
		for _, options := range [][2]bool{{true, true}, {false, false}} {
			v.sack, v.timestamps = options[0], options[1]
			t.Run(v.options(), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, v)
				if v.impair.RateBPS == 0 {
					w.moveAll(t, 1, 8000) // a lost retransmission costs seconds of the wall's time
				} else {
					w.moveAll(t, 40_000, 120_000)
					require.NotZero(t, w.link.End(0).Fates().TailDrop)
				}
				w.requireTrouble(t, &v.impair)
			})
		}
	}
}

// A cable that is pulled again and again: what was under way arrives later.
func TestCutsWithNetstack(t *testing.T) {
	for _, sack := range []bool{true, false} {
		v := variant{name: "cuts", sack: sack, impair: simlink.Impairments{RateBPS: 50_000_000}}
		t.Run(v.options(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, v)
			for k := range 4 {
				from := time.Duration(10+300*k) * time.Millisecond
				w.link.Clock().After(from, func() { w.link.SetUp(false) })
				w.link.Clock().After(from+150*time.Millisecond, func() { w.link.SetUp(true) })
			}
			w.moveAll(t, 1460, 100_000, 300_000)
			require.NotZero(t, w.link.End(0).Fates().Cut+w.link.End(1).Fates().Cut)
		})
	}
}

// moveAll downloads, uploads and echoes each of these sizes, all at once.
func (w *world) moveAll(t *testing.T, sizes ...int) {
	var group sync.WaitGroup
	for _, n := range sizes {
		for _, move := range []func(int) error{w.download, w.upload, w.echo} {
			group.Go(func() {
				if err := move(n); err != nil {
					t.Errorf("%d bytes: %v", n, err)
				}
			})
		}
	}
	group.Wait()
}
