package wire

import (
	"errors"
	"time"

	"myriad/bench/internal/farend"
)

// Arrivals is what has come to the far end, and what was lost on the way: the rings
// between the two ends had no room for it.
type Arrivals struct {
	farend.Counters
	LostToFarEnd, LostFromFarEnd uint64
}

// What Settle waits for.
const (
	settleStep = 2 * time.Millisecond
	// restKnown and restUnknown are how long nothing must have come: where it is known
	// that something is missing it was lost uncounted, or somebody is very late.
	restKnown   = time.Second
	restUnknown = 100 * time.Millisecond
	settleMost  = 10 * time.Second
)

// Settle reads the counts once the frames that were sent have all come or were lost:
// the last ones are still on their way when their sender counts them. Where sent is 0,
// not known, and where some are missing, it reads them once nothing comes any more.
func (w *World) Settle(sent uint64) (a Arrivals, err error) {
	rest := restKnown
	if sent == 0 {
		rest = restUnknown
	}
	began := time.Now()
	for since := began; ; time.Sleep(settleStep) {
		before := a
		if a, err = w.arrivals(); err != nil {
			return a, err
		}
		if a != before {
			since = time.Now()
		}
		known := sent > 0 && a.Received()+a.LostToFarEnd >= sent
		if known || time.Since(since) > rest || time.Since(began) > settleMost {
			return a, nil
		}
	}
}

// arrivals reads the counts. What was lost is read first: nothing is in neither.
func (w *World) arrivals() (a Arrivals, err error) {
	near, far, err := w.Counters()
	a.LostToFarEnd, a.LostFromFarEnd = near.SendDrops, far.SendDrops
	var again error
	a.Counters, again = w.FarEnd.Counters()
	return a, errors.Join(err, again)
}
