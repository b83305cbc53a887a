package hostile

import (
	"fmt"

	"myriad/linklayer"
	"myriad/tcpclient"
)

func closingAttacks() []Attack {
	return []Attack{
		{
			Name: "FIN never acknowledged", What: "takes our FIN in FIN-WAIT-1, answers everything, and acknowledges it never",
			setup: func(w *world) { standing(w); w.finish(w.first, tcpclient.FinDiscard) }, gap: 100_000_000, gone: true,
			config: tcpclient.Config{DataRetries: 6},
			Bound:  "Config.DataRetries, or 60 s without progress", Where: "handshake/timer.go retransmissionTimeout, abandoned",
			check: func(w *world, n int) error {
				if _, over := w.ended[httpPort]; n >= 1000 && !over {
					return fmt.Errorf("it stands after %d packets", n)
				}
				return nil
			},
			packet: func(w *world, k int) {
				g := w.first.segment(linklayer.ACK)
				g.Ack = w.first.iss + 1
				w.hit(w.first, g)
			},
		},
		{
			Name: "never closes", What: "acknowledges our FIN, and goes on with ACKs for ever",
			setup: func(w *world) { standing(w); w.finish(w.first, tcpclient.FinDiscard) }, gap: 100_000_000, gone: true,
			Bound: "FIN-WAIT-2 lasts 60 s once nobody reads", Where: "handshake/timer.go dueNow",
			check: func(w *world, n int) error {
				if _, over := w.ended[httpPort]; n >= 1000 && !over {
					return fmt.Errorf("it stands after %d packets", n)
				}
				return nil
			},
			packet: func(w *world, k int) { w.hit(w.first, w.first.segment(linklayer.ACK)) },
		},
		{
			Name: "FIN again", What: "repeats its FIN when we are in TIME-WAIT", gone: true,
			setup: func(w *world) {
				standing(w)
				w.finish(w.first, tcpclient.Fin)
				w.deliver(w.first, w.first.segment(linklayer.FIN|linklayer.ACK))
				w.pass(100_000_000)
				w.first.ack--
			},
			Bound: "one ACK; TIME-WAIT begins anew, and makes room when the table is full", Where: "handshake/step.go unacceptable",
			packet: func(w *world, k int) { w.hit(w.first, w.first.segment(linklayer.FIN|linklayer.ACK)) },
		},
		{
			Name: "data after FIN", What: "goes on after its own FIN", gone: true,
			setup: func(w *world) {
				standing(w)
				w.deliver(w.first, w.first.segment(linklayer.FIN|linklayer.ACK))
				w.pass(100_000_000)
			},
			Bound: "dropped, one ACK", Where: "handshake/receive.go receive", check: counts("tcp_data_after_fin"),
			packet: func(w *world, k int) { w.hit(w.first, w.first.data(0, 100)) },
		},
		{
			Name: "two ends of the stream", What: "FINs beyond a hole, each elsewhere", setup: standing,
			Bound: "the first FIN counts; what lies beyond it is cut", Where: "handshake/receive.go trim, storeBeyondHole",
			packet: func(w *world, k int) {
				g := w.first.data(1+k*97%60_000, 10)
				g.Flags |= linklayer.FIN
				w.hit(w.first, g)
			},
		},
	}
}
