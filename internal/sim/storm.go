package sim

import (
	"time"

	"myriad/iobackend/simlink"
)

const (
	stormConnections = 50
	stormHostile     = 10 // per cent of them
	// patience is a deadline by which even a storm has let everything through.
	patience = 24 * time.Hour
)

// storm draws a world in which each frame is lost with 20 % and reordered with
// 20 %. The deadlines are either tight, and many pass, or so generous that an
// honest connection has no reason but success.
func (m *maker) storm() {
	m.s.up, m.s.down = m.stormWire(), m.stormWire()
	m.client()
	m.s.endurance = true
	m.s.config.SYNRetries, m.s.config.DataRetries = 30, 60
	m.s.config.TimeWait = time.Second
	for k := range stormConnections {
		m.dial(k, m.IntN(100) < stormHostile)
		d := &m.s.dials[k]
		if d.timeout == 0 {
			d.timeout = pick(m, patience, patience, patience, 30*time.Second+m.ms(60_000))
		}
	}
}

func (m *maker) stormWire() simlink.Impairments {
	return simlink.Impairments{
		Loss: 0.2, Reorder: 0.2, ReorderDelay: time.Millisecond + m.ms(40),
		Delay: m.ms(pick(m, 1, 20, 150)), Jitter: m.ms(pick(m, 1, 10)),
	}
}
