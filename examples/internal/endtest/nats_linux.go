package endtest

import (
	"bytes"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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

// The server asks for both, which stand in its URL as NATSLogin does.
const (
	natsUser     = "tester"
	natsPassword = "s3cret"
	NATSLogin    = natsUser + ":" + natsPassword + "@"
)

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
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: n.port, JetStream: true, StoreDir: n.dir, NoSigs: true, NoLog: true,
		Username: natsUser, Password: natsPassword,
	})
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

// Trial starts processes that share a run, 0 to 2. Once each has written least
// bytes, the middle one is killed, and the server goes away for a moment: the
// others must say so, and end well.
func (n *NATS) Trial(start func(k int) (*exec.Cmd, *bytes.Buffer), out func(k int) string, least int64) {
	n.t.Helper()
	var cmds [3]*exec.Cmd
	var told [3]*bytes.Buffer
	for k := range cmds {
		cmds[k], told[k] = start(k)
	}
	for k := range cmds {
		require.Eventually(n.t, func() bool {
			info, err := os.Stat(out(k))
			return err == nil && info.Size() > least
		}, time.Minute, 5*time.Millisecond, "%v", told)
	}
	require.NoError(n.t, cmds[1].Process.Kill())
	_ = cmds[1].Wait()
	n.Stop()
	time.Sleep(time.Second)
	n.Start()
	for _, k := range []int{0, 2} {
		require.Zero(n.t, ExitCode(cmds[k].Wait()), "%v", told[k])
		require.Contains(n.t, told[k].String(), "the NATS server is away")
		require.Contains(n.t, told[k].String(), "the NATS server is back")
	}
}

// RequireNoPassword looks for the server's in what a command has told, and in
// all files under a folder.
func RequireNoPassword(t testing.TB, told, folder string) {
	t.Helper()
	require.NotContains(t, told, natsPassword)
	require.NoError(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NotContains(t, string(content), natsPassword, path)
		}
		return err
	}))
}
