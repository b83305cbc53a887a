package interop

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
	"myriad/tcpclient"
)

const sshPort = 2222

// startSSH runs OpenSSH's server at the far end until the test ends.
func startSSH(w *world) {
	w.t.Helper()
	// It insists on an absolute path, since it starts itself again.
	server, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		w.t.Skip("needs sshd: install Debian's package openssh-server")
	}
	makeSeparationDirectory(w.t)
	key := filepath.Join(w.t.TempDir(), "host_key")
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput()
	require.NoError(w.t, err, "%s", out)
	cmd := exec.Command(server, "-D", "-e", "-f", "/dev/null", "-h", key, "-p", fmt.Sprint(sshPort),
		"-o", "PidFile=none", "-o", "MaxStartups=1000", "-o", "LoginGraceTime=60", "-o", "UsePAM=no", "-o", "UseDNS=no")
	runServer(w, cmd, sshPort)
}

// makeSeparationDirectory makes the empty directory that sshd goes into before
// it hears anybody, which the system's own start-up would have made.
func makeSeparationDirectory(t *testing.T) {
	t.Helper()
	const path = "/run/sshd"
	switch err := os.Mkdir(path, 0o755); {
	case err == nil:
		t.Cleanup(func() { os.Remove(path) })
	case !errors.Is(err, fs.ErrExist):
		t.Skipf("sshd needs %s: %v", path, err)
	}
}

// A banner read over the kernel's TCP is what all others have to be.
func TestOpenSSHBanner(t *testing.T) {
	for _, c := range []struct {
		name, backend string
		loss          int // of 1,000, each way
	}{{name: "afxdp"}, {name: "afpacket", backend: "afpacket"}, {name: "under loss", loss: 50}} {
		t.Run(c.name, func(t *testing.T) {
			var loss []string
			if c.loss > 0 {
				loss = append(loss, testbed.DropTCP(c.loss))
			}
			w := newLossyWorld(t, c.backend, loss, loss)
			startSSH(w)
			want := kernelBanner(w)
			require.Regexp(t, `^SSH-2\.0-OpenSSH_.*\r\n$`, want)
			crew := newCrew(w, patient(tcpclient.Config{}))
			var tasks []task
			for k := range 60 {
				tasks = append(tasks, &banner{id: k, want: []byte(want)})
			}
			crew.run(t, 20, tasks...)
			crew.close(t)
			require.Zero(t, w.counter("TcpInErrs"))
			if c.loss > 0 {
				require.NotZero(t, w.counter("TcpRetransSegs"))
			}
		})
	}
}

// kernelBanner is what the far kernel's own client reads.
func kernelBanner(w *world) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	c, err := w.far.DialContext(ctx, "tcp4", target(1, sshPort).String())
	require.NoError(w.t, err)
	defer c.Close()
	require.NoError(w.t, c.SetDeadline(time.Now().Add(patience)))
	line, err := bufio.NewReader(c).ReadString('\n')
	require.NoError(w.t, err)
	return line
}

// banner reads what a server says first, and greets it in return, which has it
// send its key exchange.
type banner struct {
	id   int
	want []byte
	got  []byte
}

func (b *banner) open() tcpclient.Open { return tcpclient.Open{Remote: target(b.id, sshPort)} }

func (b *banner) event(w *tcpclient.Worker, e *tcpclient.Event) (done bool, err error) {
	switch e.Kind {
	case tcpclient.Connected:
		return false, nil
	case tcpclient.Data:
		before := len(b.got)
		b.got = append(b.got, e.Data...)
		n := min(len(b.got), len(b.want))
		if !bytes.Equal(b.got[:n], b.want[:n]) {
			return false, fmt.Errorf("%q in place of %q", b.got, b.want)
		}
		if before < len(b.want) && len(b.got) >= len(b.want) {
			var sent [1]tcpclient.Sent
			w.Send([]tcpclient.Send{{Conn: e.Conn, Data: []byte("SSH-2.0-Myriad_test\r\n")}}, sent[:])
			if sent[0].Err != nil {
				return false, sent[0].Err
			}
		}
		return b.keyExchange(w, e.Conn)
	}
	return true, fmt.Errorf("%v after %q: %w", e.Kind, b.got, e.Reason.Err())
}

// keyExchange ends the connection when the server's first packet is whole: a
// length, that of the padding, and SSH_MSG_KEXINIT (RFC 4253 §6 and §7.1).
func (b *banner) keyExchange(w *tcpclient.Worker, conn tcpclient.ID) (done bool, err error) {
	p := b.got[min(len(b.want), len(b.got)):]
	if len(p) < 6 {
		return false, nil
	}
	length := int(p[0])<<24 | int(p[1])<<16 | int(p[2])<<8 | int(p[3])
	const kexInit = 20
	if length > 35000 || p[5] != kexInit {
		return false, fmt.Errorf("no key exchange: % x", p[:6])
	}
	if len(p) < 4+length {
		return false, nil
	}
	return true, closeConn(w, conn, tcpclient.Reset)
}
