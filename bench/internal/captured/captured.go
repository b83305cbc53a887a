// Package captured looks through captures of tests.
package captured

import (
	"io"

	"myriad/iobackend/pcapfile"
	"myriad/linklayer"
)

// Segments are the payloads of one direction's TCP segments, in bytes.
type Segments []int

// Read returns the segments that were sent to a port of the far end, and those
// that came from there.
func Read(capture io.Reader, port uint16) (up, down Segments, err error) {
	frames, err := pcapfile.ReadAll(capture)
	for k := range frames {
		var p linklayer.Packet
		if linklayer.Parse(frames[k].Data, false, &p) != linklayer.DropNone || p.Kind != linklayer.KindTCP {
			continue
		}
		if p.DestinationPort == port {
			up = append(up, len(p.Segment.Payload))
		} else if p.SourcePort == port {
			down = append(down, len(p.Segment.Payload))
		}
	}
	return up, down, err
}

// Within counts those of at least min and at most max bytes.
func (s Segments) Within(min, max int) (count int) {
	for _, n := range s {
		if min <= n && n <= max {
			count++
		}
	}
	return count
}

// Longest is the longest of them.
func (s Segments) Longest() (most int) {
	for _, n := range s {
		most = max(most, n)
	}
	return most
}
