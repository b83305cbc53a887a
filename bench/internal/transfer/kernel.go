package transfer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// dialTimeout bounds a handshake; it is lost again and again only when
// something is broken.
const dialTimeout = 10 * time.Second

// runKernel measures the kernel's client.
func (w *world) runKernel(ctx context.Context, c Case, r *Result) error {
	port := uint16(downloadPort)
	if c.Direction == Upload {
		port = uploadPort
	}
	d := net.Dialer{Timeout: dialTimeout}
	if c.Direction == Upload && c.Congestion != "" {
		d.Control = congestionControl(c.Congestion)
	}
	count, work := new(atomic.Int64), w.drain
	if c.Direction == Upload {
		count, work = &w.received, func(conn net.Conn, _ *atomic.Int64) { w.source(conn) }
	}
	var conns []net.Conn
	var done sync.WaitGroup
	err := w.near.Do(func() error {
		for range c.Connections {
			conn, err := d.DialContext(ctx, "tcp4", netip.AddrPortFrom(farPrefix.Addr(), port).String())
			if err != nil {
				return err
			}
			conns = append(conns, conn)
			done.Go(func() { work(conn, count) })
		}
		return nil
	})
	w.begin()
	if err == nil {
		err = w.metered(r, count.Load, func() { wait(ctx, c.Seconds) })
	}
	for _, conn := range conns {
		conn.(*net.TCPConn).SetLinger(0) // what is queued is not waited for
		err = errors.Join(err, conn.Close())
	}
	done.Wait()
	return err
}

func (w *world) drain(c net.Conn, count *atomic.Int64) {
	into := make([]byte, w.blockBytes)
	for {
		n, err := c.Read(into)
		count.Add(int64(n))
		if err != nil {
			return
		}
	}
}

// defaultCongestion is what the far kernel's servers use.
func (w *world) defaultCongestion() (name string, err error) {
	err = w.far.Do(func() error {
		text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
		name = strings.TrimSpace(string(text))
		return err
	})
	return name, err
}

// Available reports whether the kernel has a congestion control.
func Available(name string) bool {
	text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_available_congestion_control")
	return err == nil && strings.Contains(fmt.Sprintf(" %s ", strings.TrimSpace(string(text))), " "+name+" ")
}
