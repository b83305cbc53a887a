package tcpclient

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkDialer measures net.Conns over AF_XDP and a veth pair, with the
// kernel at the far end.
func BenchmarkDialer(b *testing.B) {
	b.Run("download", func(b *testing.B) {
		const chunk = 1 << 20
		w := newDeviceWorld(b, &Dialer{})
		c, peer := w.endless()
		go func() {
			for bytes := make([]byte, chunk); ; {
				if _, err := peer.Write(bytes); err != nil {
					return
				}
			}
		}()
		b.SetBytes(chunk)
		for buffer := make([]byte, 64<<10); b.Loop(); {
			_, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{io.LimitReader(c, chunk)}, buffer)
			require.NoError(b, err)
		}
	})
	b.Run("upload", func(b *testing.B) {
		const chunk = 1 << 20
		w := newDeviceWorld(b, &Dialer{})
		c, peer := w.endless()
		go io.Copy(io.Discard, peer)
		b.SetBytes(chunk)
		for bytes := make([]byte, chunk); b.Loop(); {
			_, err := c.Write(bytes)
			require.NoError(b, err)
		}
	})
	b.Run("roundtrip", func(b *testing.B) {
		w := newDeviceWorld(b, &Dialer{})
		c, peer := w.endless()
		go io.Copy(peer, peer)
		b.ReportAllocs()
		for buffer := make([]byte, 100); b.Loop(); {
			_, err := c.Write(buffer)
			require.NoError(b, err)
			_, err = io.ReadFull(c, buffer)
			require.NoError(b, err)
		}
	})
	b.Run("dial", func(b *testing.B) {
		w := newDeviceWorld(b, &Dialer{})
		l := w.listen()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.(*net.TCPConn).SetLinger(0)
				c.Close()
			}
		}()
		b.ReportAllocs()
		for b.Loop() {
			c, err := w.dialer.Dial("tcp", l.Addr().String())
			require.NoError(b, err)
			c.(*Conn).SetLinger(0)
			c.Close()
		}
	})
}

// endless is pair without deadlines.
func (w *dialWorld) endless() (*Conn, *net.TCPConn) {
	c, peer := w.pair()
	for _, end := range []net.Conn{c, peer} {
		require.NoError(w.t, end.SetDeadline(time.Time{}))
	}
	require.NoError(w.t, c.SetLinger(0))
	return c, peer
}
