package tcpclient

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/conntable"
	"myriad/iobackend/pcapfile"
	"myriad/linklayer"
)

// readTraces reads every trace in dir, each with its capture.
func readTraces(t *testing.T, dir string) (traces map[string][]traceLine, captures map[string][]pcapfile.Frame) {
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	require.NoError(t, err)
	traces, captures = map[string][]traceLine{}, map[string][]pcapfile.Frame{}
	for _, name := range names {
		text, err := os.Open(name)
		require.NoError(t, err)
		lines, before := bufio.NewScanner(text), time.Time{}
		for lines.Scan() {
			var line traceLine
			require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
			at, err := time.Parse(time.RFC3339Nano, line.Time)
			require.NoError(t, err)
			require.False(t, at.Before(before), "segments and events are told on one clock, in order")
			before = at
			traces[name] = append(traces[name], line)
		}
		text.Close()
		capture, err := os.Open(strings.TrimSuffix(name, ".jsonl") + ".pcap")
		require.NoError(t, err)
		captures[name], err = pcapfile.ReadAll(capture)
		require.NoError(t, err)
		capture.Close()
	}
	return traces, captures
}

func events(lines []traceLine) (all []string) {
	for _, l := range lines {
		all = append(all, strings.TrimSpace(l.Event+" "+l.Flags))
	}
	return all
}

// The variable alone makes a trace and a capture of each connection.
func TestTraceOfConnections(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by", "us")
	t.Setenv(TraceVariable, dir)
	w := newDeviceWorld(t, &Dialer{})
	for range 2 {
		c, peer := w.pair()
		go func() {
			io.Copy(peer, peer)
			peer.Close()
		}()
		_, err := c.Write([]byte("twelve bytes"))
		require.NoError(t, err)
		require.NoError(t, c.CloseWrite())
		_, err = io.ReadAll(c)
		require.NoError(t, err)
		require.NoError(t, c.Close())
	}
	refused := w.refuse()
	_, err := w.dialer.Dial("tcp", refused.String())
	require.Error(t, err)
	require.NoError(t, w.dialer.Close())

	traces, captures := readTraces(t, dir)
	require.Len(t, traces, 3)
	for name, lines := range traces {
		all := events(lines)
		require.Equal(t, []string{"sent SYN"}, all[:1])
		segments := 0
		for _, l := range lines {
			if l.Event == "sent" || l.Event == "received" {
				segments++
			}
		}
		require.Len(t, captures[name], segments)
		if lines[0].Peer == refused.String() {
			require.Equal(t, []string{"sent SYN", "received RST ACK", "failed"}, all)
			require.Equal(t, "refused", lines[2].Reason)
			continue
		}
		require.Contains(t, all, "received SYN ACK")
		require.Contains(t, all, "connected")
		require.Contains(t, all, "data")
		require.Contains(t, all, "end of stream")
		require.Contains(t, all, "closed")
		for _, l := range lines {
			if l.Event == "connected" {
				require.Positive(t, l.HandshakeUS)
			}
		}
		requireTcpdumpReads(t, strings.TrimSuffix(name, ".jsonl")+".pcap", segments)
	}
}

func requireTcpdumpReads(t *testing.T, capture string, packets int) {
	path, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("tcpdump is not installed")
	}
	// As root tcpdump would give its rights up, and could not read the file.
	var complaints bytes.Buffer
	cmd := exec.Command(path, "-Z", "root", "-nvr", capture)
	if os.Geteuid() != 0 {
		cmd = exec.Command(path, "-nvr", capture)
	}
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	require.NoError(t, err, complaints.String())
	require.Equal(t, packets, strings.Count(string(out), "Flags ["), string(out))
	require.NotContains(t, string(out), "incorrect")
}

// Without the variable there is nothing to call.
func TestTraceUnsetIsNil(t *testing.T) {
	t.Setenv(TraceVariable, "")
	tap, err := newTrace(0, 0)
	require.NoError(t, err)
	require.True(t, tap == nil)
}

func TestTraceRefusesADirectoryItCannotUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	t.Setenv(TraceVariable, file)
	_, err := newTrace(0, 0)
	require.ErrorContains(t, err, "MYRIAD_TRACE="+file)
}

// With more connections than may be open the quiet ones' files are closed, and
// go on where they ended.
func TestTraceOfMoreThanMayBeOpen(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(TraceVariable, dir)
	tap, err := newTrace(7, 0)
	require.NoError(t, err)
	const count, rounds = traceOpenMax + 40, 3
	frame := synFrame(t)
	for round := range rounds {
		for i := range uint32(count) {
			id := conntable.MakeID(7, 1, i)
			tap.frame(id, true, frame, time.Duration(round)*time.Second)
			tap.event(&Event{Conn: id, Kind: Data, Data: frame}, time.Duration(round)*time.Second)
			require.LessOrEqual(t, len(tap.(*connTrace).files.open), traceOpenMax)
		}
	}
	tap.close()
	traces, captures := readTraces(t, dir)
	require.Len(t, traces, count)
	for name, lines := range traces {
		require.Equal(t, []string{"sent SYN", "data", "sent SYN", "data", "sent SYN", "data"}, events(lines))
		require.Equal(t, "192.0.2.9:80", lines[0].Peer)
		require.Equal(t, uint32(77), lines[0].Seq)
		require.Len(t, captures[name], rounds)
		require.Equal(t, 2*time.Second, captures[name][2].At.Sub(captures[name][0].At))
	}
}

// synFrame is a SYN to 192.0.2.9:80.
func synFrame(t *testing.T) []byte {
	frame := make([]byte, 200)
	mac := [6]byte{2, 0, 0, 0, 0, 1}
	path := linklayer.NewPath(mac, mac, 64, 0)
	source, destination := [16]byte{10: 0xff, 11: 0xff, 12: 192, 14: 2, 15: 1}, [16]byte{10: 0xff, 11: 0xff, 12: 192, 14: 2, 15: 9}
	n := linklayer.EmitTCP(frame, &path, source, destination, 40000, 80, 1, &linklayer.Segment{Seq: 77, Flags: linklayer.SYN}, 0)
	require.Positive(t, n)
	return frame[:n]
}

// A trace that cannot go on ends, and takes nothing else with it.
func TestTraceEndsQuietly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	t.Setenv(TraceVariable, dir)
	tap, err := newTrace(0, 0)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(dir))
	for range 3 {
		tap.frame(conntable.MakeID(0, 1, 1), true, []byte("junk"), 0)
		tap.event(&Event{Conn: 1, Kind: Failed, Reason: Refused}, 0)
	}
	tap.close()
}
