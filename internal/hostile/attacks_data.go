package hostile

import (
	"errors"
	"fmt"

	"myriad/linklayer"
	"myriad/tcpclient"
)

// data is a segment at an offset from what the client expects.
func (p *peer) data(offset, n int) *linklayer.Segment {
	g := p.segment(linklayer.ACK)
	g.Seq = g.Seq.Add(offset)
	g.Payload = make([]byte, n)
	return g
}

func dataAttacks() []Attack {
	return []Attack{
		{
			Name: "honest data", What: "for comparison: segments of 1,460 bytes, in order", setup: standing,
			Bound: "one ACK for two segments, or for a batch", Where: "handshake/receive.go",
			packet: func(w *world, k int) {
				g := w.first.data(0, 1460)
				g.Seq = irs.Add(1 + k*1460)
				w.hit(w.first, g)
			},
		},
		{
			Name: "single bytes", What: "sends its data a byte at a time", setup: standing,
			Bound: "delivered from the frame, nothing kept; one ACK for two", Where: "handshake/receive.go takeInOrder",
			packet: func(w *world, k int) {
				g := w.first.data(0, 1)
				g.Seq = irs.Add(1 + k)
				w.hit(w.first, g)
			},
		},
		{
			Name: "single bytes beyond a hole", What: "sends every second byte, and never the first", setup: standing,
			Bound: "Config.HolesMax ranges a connection, and no more than are left to others; O(log n) each; bytes copied, no frame stays", Where: "sack/add.go, internal/chunks/stream.go WriteAt",
			packet: func(w *world, k int) { w.hit(w.first, w.first.data(1+2*k%60_000, 1)) },
		},
		{
			Name: "holes all over the window", What: "scatters single bytes over the whole window, so that each takes memory", setup: standing,
			Bound: "the window, 64 KiB until data was delivered in order; refused parts are counted", Where: "handshake/window.go, internal/chunks",
			packet: func(w *world, k int) { w.hit(w.first, w.first.data(1+k*4099%65_000, 1)) },
		},
		{
			Name: "ranges in reverse", What: "fills the window from its end, range by range", setup: standing,
			Bound: "as above; a range that touches another merges", Where: "sack/add.go",
			packet: func(w *world, k int) { w.hit(w.first, w.first.data(64_000-k*10%63_000, 10)) },
		},
		{
			Name: "overlaps", What: "sends the same stretch beyond a hole, cut and filled differently", setup: standing,
			Bound: "the first copy of a byte wins; nothing is stored twice", Where: "handshake/receive.go storeRange",
			packet: func(w *world, k int) {
				g := w.first.data(1+k*37%1000, 1000)
				for i := range g.Payload {
					g.Payload[i] = byte(k)
				}
				w.hit(w.first, g)
			},
		},
		{
			Name: "beyond the window", What: "sends what there is no room for", setup: standing,
			Bound: "dropped, one ACK", Where: "handshake/step.go unacceptable, receive.go trim",
			check:  counts("tcp_out_of_window"),
			packet: func(w *world, k int) { w.hit(w.first, w.first.data(100_000+k, 1000)) },
		},
		{
			Name: "duplicates", What: "sends old data again", setup: received,
			Bound: "one ACK with a D-SACK, nothing kept", Where: "handshake/step.go unacceptable",
			check:  counts("tcp_duplicate"),
			packet: func(w *world, k int) { w.hit(w.first, w.first.data(-1000, 500)) },
		},
		{
			Name: "urgent data", What: "sets URG, with a pointer anywhere", setup: standing,
			Bound: "ignored: the bytes are ordinary ones", Where: "linklayer/parse_tcp.go",
			packet: func(w *world, k int) {
				g := w.first.data(0, 10)
				g.Seq = irs.Add(1 + k*10)
				g.Flags |= linklayer.URG
				g.Urgent = uint16(k * 7919)
				w.hit(w.first, g)
			},
		},
		{
			Name: "many greedy peers", What: "60 of 64 connections scatter bytes over their windows", setup: crowd(60),
			config: tcpclient.Config{BufferMemory: 1 << 20},
			Bound:  "Config.BufferMemory; each gets no more than is left to others, so that the rest find room; refused parts are counted", Where: "internal/chunks/stream.go WriteAt",
			check: func(w *world, n int) error {
				held, err := w.client.Check()
				if err == nil && held.BufferBytes > 1<<20 {
					err = fmt.Errorf("%d bytes are held", held.BufferBytes)
				}
				return errors.Join(err, w.counted(max(n-300, 0)/2, "tcp_buffer_memory_full"))
			},
			packet: func(w *world, k int) {
				p := w.byUser(uint64(httpPort + k%60))
				w.hit(p, p.data(1+k/60*4099%65_000, 1))
			},
		},
		{
			Name: "all memory used up", What: "63 connections scatter bytes where there is memory for 16 pieces", setup: crowd(63),
			config: tcpclient.Config{BufferMemory: 64 << 10},
			Bound:  "dropped and counted by name; what is in order is delivered without any", Where: "handshake/receive.go storeRange",
			check: func(w *world, n int) error { return w.counted(n*3/4, "tcp_buffer_memory_full") },
			packet: func(w *world, k int) {
				p := w.byUser(uint64(httpPort + k%63))
				w.hit(p, p.data(1+k/63*4099%65_000, 1))
			},
		},
	}
}

// received brings up a connection that has taken 1,000 bytes.
func received(w *world) {
	standing(w)
	w.deliver(w.first, w.first.data(0, 1000))
	w.pass(100_000_000)
}

func crowd(n int) func(*world) {
	return func(w *world) {
		for k := range n {
			w.establish(uint16(httpPort+k), tcpclient.Open{})
		}
	}
}
