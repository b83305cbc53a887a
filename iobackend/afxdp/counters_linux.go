package afxdp

import (
	"sync/atomic"

	"myriad/iobackend"
)

// counters are written by the queue's goroutine, once a batch, and read by
// any.
type counters struct {
	framesReceived, bytesReceived atomic.Uint64
	framesSent, bytesSent         atomic.Uint64
	handedOver, handOverFull      atomic.Uint64
	dropTransmit, oversize        atomic.Uint64
	kicks, waits                  atomic.Uint64
	late                          atomic.Uint64
}

// Counters reads what the queue and the kernel's side of it counted.
func (q *queue) Counters() iobackend.Counters {
	c := &q.counters
	all := iobackend.Counters{
		FramesReceived: c.framesReceived.Load(), BytesReceived: c.bytesReceived.Load(),
		FramesSent: c.framesSent.Load(), BytesSent: c.bytesSent.Load(),
		HandedOver: c.handedOver.Load(), HandOverFull: c.handOverFull.Load(),
		DropInvalid: c.oversize.Load(), DropTransmit: c.dropTransmit.Load(),
		Kicks: c.kicks.Load(), Waits: c.waits.Load(), CompletionsLate: c.late.Load(),
	}
	if q.index == 0 {
		all.Reattached = q.device.watch.reattach.Load()
	}
	q.device.mu.RLock()
	defer q.device.mu.RUnlock()
	for _, s := range q.sockets {
		st := s.last
		if s.fd >= 0 {
			st = s.statistics()
		}
		all.DropRingFull += st.Rx_ring_full
		all.DropFillEmpty += st.Rx_fill_ring_empty_descs
		all.DropInvalid += st.Rx_invalid_descs + st.Tx_invalid_descs
		// In copy mode a frame without a buffer counts as dropped too; the
		// rest of those dropped did not fit.
		if st.Rx_dropped > st.Rx_fill_ring_empty_descs {
			all.DropInvalid += st.Rx_dropped - st.Rx_fill_ring_empty_descs
		}
	}
	return all
}
