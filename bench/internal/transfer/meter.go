package transfer

import (
	"time"

	"myriad/bench/internal/netdev"
	"myriad/bench/internal/report"
	"myriad/bench/internal/usage"
)

// meter begins to take what all rows have, and stop writes it, once r says how
// long it took. Clients and servers are in this process, on all cores.
func (w *world) meter() (stop func(r *Result) error, err error) {
	read := func() (device netdev.Counters, err error) {
		err = w.near.Do(func() (err error) { device, err = netdev.Read(nearName); return err })
		return device, err
	}
	before, err := read()
	if err != nil {
		return nil, err
	}
	machine, process := usage.Machine(), usage.Process()
	return func(r *Result) error {
		used, own := usage.Machine().Since(machine), usage.Process().Since(process)
		after, err := read()
		r.CPU(used, own, len(used.Cores))
		r.Rates(report.TrafficOfDevice(after.Since(before)), 0, time.Duration(r.Seconds*float64(time.Second)))
		return err
	}, nil
}

// metered counts the bytes that arrive during wait, and takes what all rows
// have.
func (w *world) metered(r *Result, count func() int64, wait func()) error {
	stop, err := w.meter()
	if err != nil {
		return err
	}
	began, before := time.Now(), count()
	wait()
	r.Bytes, r.Seconds = count()-before, time.Since(began).Seconds()
	if r.Bytes == 0 {
		r.Disturb("nothing arrived in time")
	}
	return stop(r)
}
