package endtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"myriad/internal/testbed"
)

// mark is in the environment of a process that is to be the command, with the
// name of the test that has started it.
const mark = "MYRIAD_END_TEST"

// Main is for TestMain; command is the program's main.
func Main(m *testing.M, command func()) {
	if os.Getenv(mark) != "" {
		command()
	}
	os.Exit(m.Run())
}

// Command is the command with its arguments, as a process of its own.
func Command(t testing.TB, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	cmd = exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), mark+"="+t.Name())
	stderr = new(bytes.Buffer)
	cmd.Stderr = stderr
	cmd.WaitDelay = 10 * time.Second
	return cmd, stderr
}

// Run runs the command to its end, and requires an exit code.
func Run(t testing.TB, code int, args ...string) (stdout []byte, stderr string) {
	t.Helper()
	cmd, messages := Command(t, args...)
	stdout, err := cmd.Output()
	require.Equal(t, code, ExitCode(err), "%v: %v", args, messages)
	return stdout, messages.String()
}

// ExitCode is that of a command that has ended; -1 if it could not begin, or
// was killed.
func ExitCode(err error) int {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// Begin starts the command, and returns when the file that it writes is longer
// than size. At the test's end it is killed.
func Begin(t testing.TB, path string, size int64, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	before := int64(0)
	if info, err := os.Stat(path); err == nil {
		before = info.Size()
	}
	cmd, stderr = Command(t, args...)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	require.Eventually(t, func() bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() > before+size
	}, time.Minute, 5*time.Millisecond)
	return cmd, stderr
}

// Leftovers are the processes that a test's commands have left.
func Leftovers(t testing.TB) (left []string) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	for _, path := range paths {
		environ, err := os.ReadFile(path)
		if err == nil && bytes.Contains(environ, []byte(mark+"="+t.Name()+"\x00")) {
			left = append(left, path)
		}
	}
	return left
}

// RequireNothingLeft waits for the end of what a killed command has started:
// the kernel takes its time over namespaces; without a process in them they
// are on their way out.
func RequireNothingLeft(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool { return len(Leftovers(t)) == 0 }, 30*time.Second, 20*time.Millisecond)
}

// Lines reads whole lines of JSON, has each checked, and fails for anything
// else.
func Lines(t testing.TB, r io.Reader, check func(line []byte) error) (lines [][]byte) {
	t.Helper()
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, len(content) == 0 || content[len(content)-1] == '\n', "the last line is whole")
	for line := range bytes.Lines(content) {
		require.True(t, json.Valid(line), "%s", line)
		require.NoError(t, check(line), "%s", line)
		lines = append(lines, line)
	}
	return lines
}

// FileLines is Lines of a file.
func FileLines(t testing.TB, path string, check func(line []byte) error) [][]byte {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	return Lines(t, f, check)
}

// SmallDisk has a command run on a disk of so many kilobytes at the returned
// folder: a tmpfs that it alone sees, and that ends with it. What is on it at
// the command's end is copied to kept.
func SmallDisk(t testing.TB, cmd *exec.Cmd, kilobytes string) (folder, kept string) {
	folder, kept = t.TempDir(), t.TempDir()
	cmd.Args = append([]string{
		"sh", "-c", `disk=$1 size=$2 kept=$3; shift 3
mount -t tmpfs -o "size=${size}k" tmpfs "$disk" && cd "$disk" || exit 99
"$@"; code=$?
cp -r "$disk/." "$kept"; exit $code`, "sh", folder, kilobytes, kept,
	}, cmd.Args...)
	path, err := exec.LookPath("sh")
	require.NoError(t, err)
	cmd.Path = path
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	return folder, kept
}

// LastStatus is the last line of -status json among what was written to
// standard error, all of which must be lines of JSON.
func LastStatus(t testing.TB, stderr string) (status map[string]any) {
	t.Helper()
	for line := range strings.Lines(stderr) {
		var v map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &v), line)
		if v["schema"] == "status/1" {
			status = v
		}
	}
	require.NotNil(t, status)
	return status
}

// FreeAddress is a loopback address and port that nobody uses.
func FreeAddress(t testing.TB) string {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// Metrics are the samples that a run shows to Prometheus, by name and labels.
func Metrics(t testing.TB, address string) map[string]float64 {
	t.Helper()
	return samples(t, http.DefaultClient, address)
}

// MetricsIn are those of a run in a namespace.
func MetricsIn(t testing.TB, in *testbed.Namespace, address string) map[string]float64 {
	t.Helper()
	return samples(t, &http.Client{Transport: &http.Transport{DialContext: in.DialContext, DisableKeepAlives: true}}, address)
}

func samples(t testing.TB, client *http.Client, address string) map[string]float64 {
	t.Helper()
	reply, err := client.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	defer reply.Body.Close()
	samples := map[string]float64{}
	lines := bufio.NewScanner(reply.Body)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if at := strings.LastIndex(lines.Text(), "} "); at >= 0 {
			name, value = lines.Text()[:at+1], lines.Text()[at+2:]
		}
		if n, err := strconv.ParseFloat(value, 64); ok && err == nil {
			samples[name] = n
		}
	}
	require.NoError(t, lines.Err())
	require.NotEmpty(t, samples)
	return samples
}
