package fetch

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/frontier"
	"myriad/examples/internal/weburl"
	"myriad/internal/bounded"
)

// canned is a connection whose peer says the same whatever it is asked, a
// piece at a time, and closes.
type canned struct {
	net.Conn
	says  *bytes.Reader
	piece int
}

func (c *canned) Read(p []byte) (int, error)       { return c.says.Read(p[:min(len(p), c.piece)]) }
func (c *canned) Write(p []byte) (int, error)      { return len(p), nil }
func (c *canned) Close() error                     { return nil }
func (c *canned) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *canned) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }

// FuzzFetch: whatever a server says, the fetch ends with a page within its
// bounds or a reason that has a name.
func FuzzFetch(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<a/>",
		"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"HTTP/1.1 301 Moved\r\nLocation: //b.test/%zz\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nRetry-After: 99999999999\r\n\r\n",
		"HTTP/1.0 200 OK\n\n" + "no length",
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Length: 20\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: 24\r\n\r\n" +
			"\x1f\x8b\b\x00\x00\x00\x00\x00\x00\xffKL\x84\x01\x00\xcaD\xf3\xad\x04\x00\x00\x00",
		"SSH-2.0-x\r\n", "",
	} {
		f.Add([]byte(seed), uint16(len(seed)))
	}
	f.Fuzz(func(t *testing.T, says []byte, piece uint16) {
		bounded.Input(t, 64<<20, func() {
			fetcher := New(Options{
				Dial: func(context.Context, string, string) (net.Conn, error) {
					return &canned{says: bytes.NewReader(says), piece: int(piece) + 1}, nil
				},
				Timeout: time.Minute, UserAgent: "test", BodyBytes: 1000, PerAddress: 1,
			})
			task := taskFor(t, "http://a.test/", &frontier.Slot{})
			page, err := fetcher.Fetch(t.Context(), task)
			require.LessOrEqual(t, page.Bytes, int64(1000+32<<10), "what is too long is noticed after a read")
			require.LessOrEqual(t, len(page.Body), 1001)
			require.GreaterOrEqual(t, page.RetryAfter(), time.Duration(0))
			if err == nil {
				require.GreaterOrEqual(t, page.Status, 100)
				page.HTML()
			} else {
				require.NotEqual(t, Failed, Reason(err), "%v", err)
			}
			if page.Location != "" {
				_, err := weburl.Parse(page.Location)
				require.NoError(t, err)
			}
			page.Release()
			rules, err := fetcher.Robots(t.Context(), task)
			require.True(t, err != nil || rules != nil)
		})
	})
}
