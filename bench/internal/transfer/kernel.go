package transfer

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
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
	var conn net.Conn
	err := w.near.Do(func() (err error) {
		conn, err = d.DialContext(ctx, "tcp4", netip.AddrPortFrom(farPrefix.Addr(), port).String())
		return err
	})
	if err != nil {
		return err
	}
	var count *atomic.Int64
	done := make(chan struct{})
	if c.Direction == Upload {
		count = &w.received
		go func() { w.source(conn); close(done) }()
	} else {
		count = new(atomic.Int64)
		go func() { drain(conn, count); close(done) }()
	}
	start := time.Now()
	wait(ctx, c.Seconds)
	r.Bytes, r.Seconds = count.Load(), time.Since(start).Seconds()
	conn.(*net.TCPConn).SetLinger(0) // what is queued is not waited for
	err = conn.Close()
	<-done
	return err
}

func drain(c net.Conn, count *atomic.Int64) {
	block := make([]byte, blockBytes)
	for {
		n, err := c.Read(block)
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
