package overlay

import (
	"fmt"
	"time"

	"myriad/examples/internal/gnutella"
)

// What the ultrapeers say they are.
var userAgents = [...]string{
	"gtk-gnutella/1.2.3-14-ga331a (2024-03-03; Topless; Linux x86_64)",
	"gtk-gnutella/1.2.2 (2022-02-25; GTK2; Windows x64)",
	"LimeWire/5.5.16",
	"WireShare/6.0.2",
	"Shareaza 2.7.10.2",
	"BearShare 5.1.0b25",
	"FrostWire/4.21.8",
	"Phex 3.4.2.116",
}

// agent is what an ultrapeer says it is.
func (o *Overlay) agent(node uint32) string {
	return userAgents[o.hash(uint64(node), 0, saltText)%uint64(len(userAgents))]
}

// newest is when the youngest of them was started.
var newest = time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)

// liveSince is when an ultrapeer was started.
func (o *Overlay) liveSince(node uint32) time.Time {
	return newest.Add(-time.Duration(o.hash(uint64(node), 1, saltText)%(60*24*3600)) * time.Second)
}

const dateLayout = "Mon, 02 Jan 2006 15:04:05 -0700"

// busyPhrase is what a servent that is full says.
const busyPhrase = "Too many Gnutella connections (30 max)"

// AppendReply writes what an ultrapeer answers to a crawler. One in eight goes
// on in further lines with its lists. room is memory to work in.
func (o *Overlay) AppendReply(b []byte, node uint32, room *[]gnutella.Address) []byte {
	if o.State(node) == Busy {
		return fmt.Appendf(b, "GNUTELLA/0.6 503 %s\r\nUser-Agent: %s\r\n\r\n", busyPhrase, o.agent(node))
	}
	separator := ", "
	if o.hash(uint64(node), 2, saltText)%8 == 0 {
		separator = ",\r\n    "
	}
	b = append(b, "GNUTELLA/0.6 200 OK\r\nUser-Agent: "...)
	b = append(b, o.agent(node)...)
	*room = o.AppendPeers((*room)[:0], node)
	b = appendList(append(b, "\r\nPeers: "...), *room, separator)
	*room = o.AppendLeaves((*room)[:0], node)
	b = appendList(append(b, "\r\nLeaves: "...), *room, separator)
	b = append(b, "\r\nX-Live-Since: "...)
	b = o.liveSince(node).AppendFormat(b, dateLayout)
	return append(b, "\r\n\r\n"...)
}

func appendList(b []byte, list []gnutella.Address, separator string) []byte {
	for i, a := range list {
		if i > 0 {
			b = append(b, separator...)
		}
		b = a.Append(b)
	}
	return b
}
