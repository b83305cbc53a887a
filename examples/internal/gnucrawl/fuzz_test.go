package gnucrawl

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/gnutella"
	"myriad/internal/bounded"
	"myriad/tcpclient"
)

// FuzzHandler: whatever a servent says, in whatever pieces, the connection comes
// to an end, and the line about it is JSON.
func FuzzHandler(f *testing.F) {
	f.Add([]byte("GNUTELLA/0.6 200 OK\r\nUser-Agent: a\"b\\\xff\r\nPeers: 192.0.2.1:6346, 192.0.2.2:1\r\nLeaves: \r\nX-Live-Since: Sat, 01 Jun 2024 00:00:04 +0000\r\n\r\n"), uint16(20))
	f.Add([]byte("GNUTELLA/0.6 403 Too frequent crawling\r\nRemote-IP: 10.77.0.2\r\n\r\n"), uint16(1))
	f.Add([]byte("GNUTELLA/0.6 503 \x00\x1f\x7f\r\n\r\nmore"), uint16(500))
	f.Add(bytes.Repeat([]byte("Peers: 1.2.3.4:5\r\n"), 600), uint16(1460))
	f.Fuzz(func(t *testing.T, says []byte, piece uint16) {
		bounded.Input(t, 64<<20, func() {
			var written bytes.Buffer
			c, err := New(Options{
				Seeds: []gnutella.Address{1<<40 | 1}, Parallel: 2, NodesMax: 1000, Attempts: 1,
				Write: func(b []byte) error { written.Write(b); return nil },
			})
			require.NoError(t, err)
			h := &handler{crawl: c}
			c.handlers = []*handler{h}
			h.prepare(2)
			h.conns[1] = conn{state: asking}
			for rest := says; len(rest) > 0 && h.conns[1].state == asking; {
				n := min(len(rest), int(piece)+1)
				h.data(nil, &h.conns[1], &tcpclient.Event{User: 1, Data: rest[:n]})
				rest = rest[n:]
			}
			if h.conns[1].state == asking {
				h.failed(&h.conns[1], CutShort)
			}
			finished, _, _, _ := c.Progress()
			require.Equal(t, 1, finished)
			h.lines.flush()
			require.NoError(t, c.sink.close())
			require.True(t, json.Valid(bytes.TrimSpace(written.Bytes())), "%s", written.Bytes())
		})
	})
}
