package main

import (
	"myriad/bench/internal/page"
)

// componentRow is what a component costs for one packet and one connection.
type componentRow struct {
	Name               string  `json:"name"`
	Share              float64 `json:"share"` // of the processor time that all of them took
	NsPerPacket        float64 `json:"ns_per_packet"`
	NsPerConnection    float64 `json:"ns_per_connection"`
	TicksPerPacket     float64 `json:"ticks_per_packet"` // of the time stamp counter; 0: not known
	TicksPerConnection float64 `json:"ticks_per_connection"`
}

// fill computes the costs from the share of what a connection costs.
func (c *componentRow) fill(nsPerConnection, packetsPerConnection, ticksPerNs float64) {
	c.NsPerConnection = c.Share * nsPerConnection
	c.NsPerPacket = c.NsPerConnection / max(packetsPerConnection, 1)
	c.TicksPerPacket, c.TicksPerConnection = c.NsPerPacket*ticksPerNs, c.NsPerConnection*ticksPerNs
}

// componentColumns are those of cells.
var componentColumns = []string{"component", "share", "ns a packet", "ns a connection", "ticks a packet", "ticks a connection"}

func (c *componentRow) cells() []string {
	ticks := func(n float64) string {
		if n == 0 {
			return "not measured"
		}
		return page.Decimal(n)
	}
	return []string{
		c.Name, page.Decimal(100*c.Share) + " %", page.Decimal(c.NsPerPacket), page.Decimal(c.NsPerConnection),
		ticks(c.TicksPerPacket), ticks(c.TicksPerConnection),
	}
}
