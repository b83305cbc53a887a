package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/report"
)

// farEnd answers each request of 200 bytes with as many, and ends when the
// peer does.
func farEnd(t *testing.T) string {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			} else if err != nil {
				continue // it was reset before it was accepted
			}
			go func() {
				defer c.Close()
				b := make([]byte, 4096)
				for {
					n, err := c.Read(b)
					if err != nil {
						return
					}
					if _, err := c.Write(b[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// Windows' own TCP, by each method, with each end of a connection.
func TestWindowsConnects(t *testing.T) {
	target := farEnd(t)
	for _, end := range []string{"rst", "fin"} {
		code, stdout, stderr := bench(t.Context(), strings.Fields("connect -json -methods connect,connectex -threads 4 -window 16 -rounds 1 -count 100 -close "+end+" -target "+target)...)
		require.Equal(t, exitOK, code, stderr)
		rows := decodeRows[report.Row](t, stdout)
		require.Len(t, rows, 4)
		for _, r := range rows {
			require.EqualValues(t, 100, r.Completed, "%+v", r)
			require.Zero(t, r.Failed, "%+v", r)
			require.Positive(t, r.ConnectionsPerSecond)
		}
	}
}

// A refused connection is counted, and the run goes on.
func TestWindowsConnectIsRefused(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	target := l.Addr().String()
	require.NoError(t, l.Close())
	_, stdout, stderr := bench(t.Context(), strings.Fields("connect -json -methods connect,connectex -threads 2 -window 4 -rounds 1 -count 10 -request 0 -target "+target)...)
	for _, r := range decodeRows[report.Row](t, stdout) {
		require.EqualValues(t, 10, r.FailedBy["connect"], "%+v %s", r, stderr)
	}
}

func TestWindowsSendsByRawSocket(t *testing.T) {
	code, stdout, stderr := bench(t.Context(), strings.Fields("send -json -interface lo -methods raw -source 127.0.0.1 -target 127.0.0.1 -tables rate -sizes 64,1518 -count 500")...)
	require.Equal(t, exitOK, code, stderr)
	rows := decodeRows[sendRow](t, stdout)
	require.Len(t, rows, 4)
	for _, r := range rows {
		require.EqualValues(t, 500, r.Sent+r.Refused, "%+v", r)
		require.Positive(t, r.Sent, "%+v", r)
		require.False(t, r.Counted)
	}
}

// standIn starts the driver's stand-in and returns its pipe.
func standIn(t *testing.T) string {
	program := os.Getenv("MYRIAD_STANDIN")
	if program == "" {
		t.Skip("MYRIAD_STANDIN does not name the test binary of iobackend/irlstack, whose stand-in is needed")
	}
	pipe := fmt.Sprintf(`\\.\pipe\myriad-bench-%d-%s`, os.Getpid(), t.Name())
	process := exec.Command(program, "-test.run=^TestStandInProcess$")
	process.Env = append(os.Environ(), "MYRIAD_STANDIN_PIPE="+pipe)
	input, err := process.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	t.Cleanup(func() { _ = input.Close(); _ = process.Wait() })
	return pipe
}

// untilThere repeats a command until the stand-in has made its pipe.
func untilThere(t *testing.T, args string) (stdout string) {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		code, stdout, stderr := bench(t.Context(), strings.Fields(args)...)
		if code == exitOK {
			return stdout
		}
		require.Contains(t, stderr, "install the IRLstack driver")
		require.True(t, time.Now().Before(end), stderr)
	}
}

func TestWindowsSendsByIRLstack(t *testing.T) {
	stdout := untilThere(t, "send -json -interface "+standIn(t)+" -methods irlstack -source 10.1.0.1 -target 10.2.0.0/16 -gateway-mac 02:00:00:00:00:02 -tables batch -batches 1,7,512,4096 -count 8192")
	rows := decodeRows[sendRow](t, stdout)
	require.Len(t, rows, 4)
	for _, r := range rows {
		require.EqualValues(t, 8192, r.Sent, "%+v", r)
	}
}

func TestWindowsConnectsByIRLstack(t *testing.T) {
	stdout := untilThere(t, "connect -json -interface "+standIn(t)+" -source 10.1.0.0/28 -target 10.2.0.0/16:7 -gateway-mac 02:00:00:00:00:02 -count 2000 -window 256")
	rows := decodeRows[report.Row](t, stdout)
	require.Len(t, rows, 2)
	for _, r := range rows {
		require.EqualValues(t, 2000, r.Completed, "%+v", r)
		require.Equal(t, "irlstack", r.Backend)
	}
}
