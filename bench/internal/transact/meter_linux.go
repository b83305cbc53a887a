package transact

import (
	"errors"
	"time"

	"myriad/bench/internal/netdev"
	"myriad/bench/internal/report"
	"myriad/bench/internal/usage"
)

// meter takes what all rows have over the time that is measured.
type meter struct {
	w       *world
	own     func() (usage.CPU, error) // the client's processor time
	machine usage.Whole
	device  netdev.Counters
	used    usage.CPU
	far     usage.CPU
}

// inProcess is the client's processor time where it is this process.
func inProcess() (usage.CPU, error) { return usage.Process(), nil }

// start begins.
func (w *world) start(own func() (usage.CPU, error)) (m *meter, err error) {
	m = &meter{w: w, own: own}
	m.machine, m.device, m.used, m.far, err = m.read()
	return m, err
}

func (m *meter) read() (machine usage.Whole, device netdev.Counters, used, far usage.CPU, err error) {
	failed := m.w.near.Do(func() (err error) { device, err = netdev.Read(nearName); return err })
	used, own := m.own()
	far, err = usage.Of(m.w.server.Process.Pid)
	return usage.Machine(), device, used, far, errors.Join(failed, own, err)
}

// stop writes into the result what there was since start; the exchanges took so
// long.
func (m *meter) stop(r *Result, took time.Duration) error {
	machine, device, used, far, err := m.read()
	if err != nil {
		return err
	}
	r.CPUBesideProcess(machine.Since(m.machine), used.Since(m.used), far.Since(m.far))
	r.Rates(report.TrafficOfDevice(device.Since(m.device)), 0, took)
	return nil
}
