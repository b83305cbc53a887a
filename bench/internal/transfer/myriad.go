package transfer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"myriad/tcpclient"
)

// Buffers of Myriad's end, as large as the kernel lets its own grow to.
const (
	receiveMax = 6 << 20
	sendMax    = 4 << 20
)

// bulk is a Handler with one connection that sends, or receives, for as long as
// it stands.
type bulk struct {
	upload   bool
	block    []byte
	received atomic.Int64
	began    chan struct{} // closed once connected
	ended    chan tcpclient.Reason
	conn     tcpclient.ID
}

func newBulk(upload bool) *bulk {
	return &bulk{upload: upload, block: make([]byte, blockBytes), began: make(chan struct{}), ended: make(chan tcpclient.Reason, 1)}
}

func (b *bulk) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	count := 0
	for k := range events {
		e := &events[k]
		switch e.Kind {
		case tcpclient.Connected:
			b.conn = e.Conn
			close(b.began)
			b.fill(w)
		case tcpclient.Data:
			count += len(e.Data)
		case tcpclient.Writable:
			b.fill(w)
		case tcpclient.Failed, tcpclient.Closed:
			b.ended <- e.Reason
		}
	}
	if count > 0 {
		b.received.Add(int64(count))
	}
}

// fill queues as much as there is room for.
func (b *bulk) fill(w *tcpclient.Worker) {
	if !b.upload {
		return
	}
	var r [1]tcpclient.Sent
	for {
		w.Send([]tcpclient.Send{{Conn: b.conn, Data: b.block}}, r[:])
		if r[0].Err != nil || r[0].Count < len(b.block) {
			return
		}
	}
}

// runMyriad measures tcpclient over AF_XDP.
func (w *world) runMyriad(ctx context.Context, c Case, r *Result) (err error) {
	cfg := tcpclient.Config{
		Interfaces: []tcpclient.Interface{{
			Name: nearName, Backend: "afxdp", Sources: []netip.Prefix{sources},
			Gateway: w.gateway, OnLink: []netip.Prefix{nearPrefix.Masked()},
		}},
		ConnectionsMax: 16, ReceiveBufferMax: receiveMax, SendBuffer: sendMax,
	}
	if c.Direction == Upload {
		cfg.CongestionControl = c.Congestion
	}
	b := newBulk(c.Direction == Upload)
	var client *tcpclient.Client
	err = w.near.Do(func() (err error) {
		client, err = tcpclient.New(cfg, func(*tcpclient.Worker) tcpclient.Handler { return b })
		return err
	})
	if err != nil {
		return err
	}
	if err := client.Start(); err != nil {
		return err
	}
	defer func() {
		cut, cancel := context.WithCancel(context.Background())
		cancel() // a measurement ends when its time is over
		if e := client.Close(cut); e != nil && !errors.Is(e, context.Canceled) {
			err = errors.Join(err, e)
		}
	}()
	port := uint16(downloadPort)
	if b.upload {
		port = uploadPort
	}
	var errs [1]error
	client.Open([]tcpclient.Open{{Remote: netip.AddrPortFrom(farPrefix.Addr(), port)}}, errs[:])
	if errs[0] != nil {
		return errs[0]
	}
	select {
	case <-b.began:
	case reason := <-b.ended:
		return fmt.Errorf("no connection: %v", reason)
	case <-time.After(dialTimeout):
		return errors.New("no connection in time")
	}
	start := time.Now()
	wait(ctx, c.Seconds)
	count := &b.received
	if b.upload {
		count = &w.received
	}
	r.Bytes, r.Seconds = count.Load(), time.Since(start).Seconds()
	select {
	case reason := <-b.ended:
		return fmt.Errorf("the connection ended: %v", reason)
	default:
	}
	s := client.Stats()
	if b.upload {
		r.Retransmitted, r.Recoveries = s.Retransmitted, s.Counters["fast_recoveries"]
		r.Timeouts, r.LossProbes = s.Counters["retransmission_timeouts"], s.Counters["loss_probes"]
	}
	return nil
}
