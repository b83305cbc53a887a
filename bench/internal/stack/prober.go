package stack

import (
	"net/netip"

	"myriad/tcpclient"
)

const openMost = 256

// prober keeps so many connections in flight, and resets each that stands.
type prober struct {
	inFlight int
	current  int
	next     uint32 // number of the next target
	done     uint64
	err      error

	opens   [openMost]tcpclient.Open
	results [openMost]tcpclient.Opened
	closes  [batchMost]tcpclient.Close
	errs    [batchMost]error
}

// OpenMore implements tcpclient.Opener. A batch more than are to be in flight
// are open, so that the device always has some to answer.
func (p *prober) OpenMore(w *tcpclient.Worker, room int) {
	n := min(room, openMost, p.inFlight+openMost-p.current)
	for k := range max(n, 0) {
		i := p.next
		p.next++
		remote := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		p.opens[k] = tcpclient.Open{Remote: netip.AddrPortFrom(remote, 80+uint16(i>>24))}
	}
	if n <= 0 {
		return
	}
	w.Open(p.opens[:n], p.results[:n])
	for k := range n {
		if p.results[k].Err != nil {
			p.err = p.results[k].Err
			return
		}
	}
	p.current += n
}

// Events implements tcpclient.Handler.
func (p *prober) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	n := 0
	for k := range events {
		switch e := &events[k]; e.Kind {
		case tcpclient.Connected:
			p.closes[n] = tcpclient.Close{Conn: e.Conn, How: tcpclient.Reset}
			n++
			p.done++
			p.current--
		case tcpclient.Failed:
			p.current--
		}
		if n == len(p.closes) {
			w.Close(p.closes[:n], p.errs[:n])
			n = 0
		}
	}
	w.Close(p.closes[:n], p.errs[:n])
}
