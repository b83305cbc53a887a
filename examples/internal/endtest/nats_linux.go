package endtest

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
)

// NATS is a server with JetStream, and a door to it on port 4222 of a namespace.
type NATS struct {
	t      testing.TB
	dir    string
	port   int
	server *server.Server
}

// ServeNATS starts one; it ends with the test.
func ServeNATS(t testing.TB, far *testbed.Namespace) *NATS {
	dir, err := os.MkdirTemp("", "end-nats") // the server may still write while it ends
	require.NoError(t, err)
	n := &NATS{t: t, dir: dir, port: -1}
	n.Start()
	door, err := far.Listen("tcp4", ":4222")
	require.NoError(t, err)
	go n.open(door)
	t.Cleanup(func() {
		door.Close()
		n.Stop()
		os.RemoveAll(dir)
	})
	return n
}

// Start starts it again after Stop, with all that it had.
func (n *NATS) Start() {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: n.port, JetStream: true, StoreDir: n.dir, NoSigs: true, NoLog: true})
	require.NoError(n.t, err)
	s.Start()
	require.True(n.t, s.ReadyForConnections(30*time.Second))
	n.server, n.port = s, s.Addr().(*net.TCPAddr).Port
}

// Stop has it go away.
func (n *NATS) Stop() {
	n.server.Shutdown()
	n.server.WaitForShutdown()
}

// open passes connections on to the server, where there is one.
func (n *NATS) open(door net.Listener) {
	address := n.server.Addr().String() // it stays the same
	for {
		in, err := door.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp4", address)
		if err != nil {
			in.Close()
			continue
		}
		go func() { _, _ = io.Copy(out, in); out.Close() }()
		go func() { _, _ = io.Copy(in, out); in.Close() }()
	}
}
