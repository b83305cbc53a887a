package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/crawl"
	"myriad/examples/internal/demoweb"
	"myriad/examples/internal/endtest"
	"myriad/examples/internal/program"
	"myriad/internal/testbed"
)

func TestMain(m *testing.M) { endtest.Main(m, main) }

// readRecords reads whole lines of JSON, and fails for anything else.
func readRecords(t *testing.T, r io.Reader) map[string]*crawl.Record {
	t.Helper()
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, len(content) == 0 || content[len(content)-1] == '\n', "the last line is whole")
	records := make(map[string]*crawl.Record)
	for line := range bytes.Lines(content) {
		record := new(crawl.Record)
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		require.NoError(t, dec.Decode(record), string(line))
		require.NoError(t, pagesSchema.Check(line), string(line))
		require.NotContains(t, records, record.URL, "each once")
		records[record.URL] = record
	}
	return records
}

// requireCrawled checks a crawl of a demo web against the web.
func requireCrawled(t *testing.T, w demoweb.Web, records map[string]*crawl.Record) {
	t.Helper()
	require.Len(t, records, w.Count())
	c := newChecker(&w)
	for _, r := range records {
		c.note(r)
	}
	require.NoError(t, c.verdict())
	for p := range w.Pages {
		page, r := w.PageAt(p), records[w.PageURL(p)]
		require.EqualValues(t, page.Bytes, r.Bytes)
		require.Equal(t, len(page.Links), r.Links)
	}
}

func TestBadUsageOfTheBinary(t *testing.T) {
	for _, test := range badUsage {
		args := test.args
		if test.real {
			args = append(append([]string{}, realFlags...), args...)
		}
		cmd, stderr := endtest.Command(t, args...)
		require.Equal(t, program.UsageWrong, endtest.ExitCode(cmd.Run()), test.args)
		require.True(t, strings.HasPrefix(stderr.String(), "crawler: "), stderr)
		require.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr)
	}
	stdout, _ := endtest.Run(t, program.Finished, "-h")
	require.Contains(t, string(stdout), "Usage:\n  crawler [flags]")
}

// TestExitCodes provokes those of each protocol that only turn out when it is
// tried. Interrupted is TestInterrupt's, TestGnutellaKilledAndInterrupted's.
func TestExitCodes(t *testing.T) {
	testbed.Require(t)
	t.Parallel()
	state := func(protocol string) string { return filepath.Join(t.TempDir(), protocol) }
	web := []string{"-demo-pages", "20", "-demo-hosts", "5", "-out", filepath.Join(t.TempDir(), "pages"), "-q"}
	nodes := []string{"-protocol", "gnutella", "-demo-nodes", "300", "-max-known", "20000", "-out", filepath.Join(t.TempDir(), "nodes"), "-q"}
	webState, nodesState := state("web"), state("gnutella")
	for _, args := range [][]string{append(web, "-state", webState), append(nodes, "-state", nodesState)} {
		_, stderr := endtest.Run(t, program.Finished, args...)
		require.Empty(t, stderr, "-q says nothing where all is well")
	}
	seeds := filepath.Join(t.TempDir(), "seeds")
	require.NoError(t, os.WriteFile(seeds, []byte("http://192.0.2.1/\n"), 0o600))
	named := filepath.Join(t.TempDir(), "named")
	require.NoError(t, os.WriteFile(named, []byte("http://example.org/\n"), 0o600))
	servents := filepath.Join(t.TempDir(), "servents")
	require.NoError(t, os.WriteFile(servents, []byte("192.0.2.1\n"), 0o600))
	for _, test := range []struct {
		code int
		args []string
		want []string
	}{
		{program.Failed, []string{"-interface", "none0", "-source", "192.0.2.128/25", "-seeds", seeds, "-contact", "x"}, []string{"-interface: ", "none0"}},
		{program.Failed, []string{"-interface", "lo", "-source", "127.0.0.0/8", "-seeds", seeds, "-contact", "x"}, []string{"-source: ", "127.0.0.0/8"}},
		{program.UsageWrong, []string{"-interface", "lo", "-source", "192.0.2.1", "-seeds", seeds + "x", "-contact", "x"}, []string{"-seeds", "no such file"}},
		{program.UsageWrong, []string{"-interface", "lo", "-source", "192.0.2.1", "-seeds", named, "-contact", "x"}, []string{"-resolver is missing", "example.org"}},
		{program.WriteFailed, append(web, "-out", "/none/x"), []string{"-out", "/none/x"}},
		{program.WriteFailed, append(web, "-out", "/dev/full"), []string{"no space left on device; make room"}},
		{program.WriteFailed, append(web, "-report", "/dev/full"), []string{"report", "no space left on device; make room"}},
		{program.WriteFailed, append(web, "-warc", "/dev/full"), []string{"-warc", "/dev/full"}},
		{program.WriteFailed, append(web, "-state", "/dev/full"), []string{"/dev/full"}},
		{program.StateRefused, append(web, "-state", webState, "-demo-pages", "21"), []string{"-state " + webState, "another run"}},
		{program.StateRefused, append(web, "-state", nodesState), []string{"-state " + nodesState, "another run", "-protocol"}},
		{program.DemoWrong, append(web, "-max-bytes", "100"), []string{"demo: not as it should be", "too large"}},

		{program.Finished, append(nodes[:len(nodes)-1:len(nodes)-1], "-state", nodesState), []string{"has come to its end"}},
		{program.Failed, []string{"-protocol", "gnutella", "-interface", "none0", "-source", "192.0.2.128/25", "-seeds", servents, "-contact", "x", "-allow", "192.0.2.0/24"}, []string{"none0"}},
		{program.UsageWrong, append(nodes, "-pause", "1s"), []string{"-pause does not go with -protocol gnutella"}},
		{program.UsageWrong, append(nodes, "-exclude", "/none/x"), []string{"-exclude", "/none/x"}},
		{program.WriteFailed, append(nodes, "-out", "/dev/full"), []string{"no space left on device; make room"}},
		{program.WriteFailed, append(nodes, "-report", "/dev/full"), []string{"report", "no space left on device; make room"}},
		{program.WriteFailed, append(nodes, "-edges", "/dev/full"), []string{"-edges", "no space left on device; make room"}},
		{program.WriteFailed, append(nodes, "-edges", "/none/x"), []string{"-edges", "/none/x"}},
		{program.StateRefused, append(nodes, "-state", nodesState, "-demo-nodes", "301"), []string{"-state " + nodesState, "another run", "301"}},
		{program.DemoWrong, append(nodes, "-max-known", "300"), []string{"overlay: "}},
	} {
		_, stderr := endtest.Run(t, test.code, test.args...)
		for _, part := range test.want {
			require.Contains(t, stderr, part)
		}
		for line := range strings.Lines(stderr) {
			require.True(t, strings.HasPrefix(line, "crawler: "), stderr)
		}
	}
	endtest.RequireNothingLeft(t)
}

// TestDemo runs the whole thing over AF_XDP and over AF_PACKET.
func TestDemo(t *testing.T) {
	testbed.Require(t)
	for backend, name := range map[string]string{"afxdp": "AF_XDP", "afpacket": "AF_PACKET"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel() // most of the time goes into waiting for silence
			cmd, stderr := endtest.Command(t, "-demo-pages", "800", "-demo-hosts", "60", "-demo-seed", "3", "-backend", backend, "-v", "-v")
			out, err := cmd.Output()
			require.NoError(t, err, stderr)
			requireCrawled(t, demoweb.Default(3, 800, 60), readRecords(t, bytes.NewReader(out)))
			told := stderr.String()
			require.Contains(t, told, "crawler: "+name+" on ")
			for _, part := range []string{"Finished", "ended as it should", "crawler ", "demo server ", "process (", "settings (", "-demo-pages: 800", "device (name: myriad0, method: " + backend,
				"robots.txt (site: http", "no result (target: http", "politeness (connections at a time", "the stack's counters ("} {
				require.Contains(t, told, part)
			}
			require.NotContains(t, told, "\r", "no progress line but on a terminal")
			endtest.RequireNothingLeft(t)
		})
	}
}

// TestDemoIsPolite asks for good manners, and the server's own account.
func TestDemoIsPolite(t *testing.T) {
	testbed.Require(t)
	t.Parallel()
	cmd, stderr := endtest.Command(t, "-demo-pages", "60", "-demo-hosts", "20", "-per-address", "1", "-pause", "100ms", "-rate", "200")
	out, err := cmd.Output()
	require.NoError(t, err, stderr)
	requireCrawled(t, demoweb.Default(1, 60, 20), readRecords(t, bytes.NewReader(out)))
	require.Contains(t, stderr.String(), ", 1 at once at most per address")
}

// TestDemoWithoutRoot runs it as nobody.
func TestDemoWithoutRoot(t *testing.T) {
	testbed.Require(t)
	t.Parallel()
	binary := publicBinary(t)
	cmd, stderr := endtest.Command(t, "-demo-pages", "100", "-demo-hosts", "20")
	cmd.Path, cmd.Dir = binary, "/"
	const nobody = 65534
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.Output()
	if endtest.ExitCode(err) == program.Failed && strings.Contains(stderr.String(), "user namespace") {
		t.Skip("this system allows no unprivileged user namespaces: ", stderr)
	}
	require.NoError(t, err, stderr)
	require.Contains(t, stderr.String(), "crawler: AF_PACKET on myriad0 (without root")
	requireCrawled(t, demoweb.Default(1, 100, 20), readRecords(t, bytes.NewReader(out)))
	endtest.RequireNothingLeft(t)
}

// publicBinary is this binary where everybody may run it.
func publicBinary(t *testing.T) string {
	content, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "crawler-test")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	path := filepath.Join(dir, "crawler")
	require.NoError(t, os.WriteFile(path, content, 0o755))
	return path
}

// begin starts a crawl that takes a while, and returns when it has got going.
func begin(t *testing.T, path string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	return endtest.Begin(t, path, 50_000, "-demo-pages", "20000", "-out", path)
}

func readFile(t *testing.T, path string) map[string]*crawl.Record {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	return readRecords(t, f)
}

func TestKill(t *testing.T) {
	testbed.Require(t)
	for range 3 {
		path := filepath.Join(t.TempDir(), "out.jsonl")
		cmd, _ := begin(t, path)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		require.Greater(t, len(readFile(t, path)), 100)
	} // each start follows the kill before at once
	endtest.RequireNothingLeft(t)
}

func TestInterrupt(t *testing.T) {
	testbed.Require(t)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		path := filepath.Join(t.TempDir(), "out.jsonl")
		cmd, stderr := begin(t, path)
		require.NoError(t, cmd.Process.Signal(s))
		require.Equal(t, program.Interrupted, endtest.ExitCode(cmd.Wait()), stderr)
		require.Contains(t, stderr.String(), "Interrupted after")
		require.Contains(t, stderr.String(), strconv.Itoa(len(readFile(t, path)))+" URLs", "the summary counts what was written")
		endtest.RequireNothingLeft(t)
	}
}

// timeLeft is how a progress line tells it, behind the time that has passed.
var timeLeft = regexp.MustCompile(`\[[0-9hms]+:[1-9][0-9hms]*\]`)

// TestProgress crawls on a terminal: while pages still come to be known no time
// left is told, with -max-pages it is, and the last line has all.
func TestProgress(t *testing.T) {
	testbed.Require(t)
	for name, test := range map[string]struct {
		args []string
		left bool
		want []string
	}{
		"web":       {[]string{"-demo-pages", "400", "-demo-hosts", "30"}, false, []string{"pages/s", "8 refused", "Finished"}},
		"web, all":  {[]string{"-demo-pages", "3000", "-demo-hosts", "30", "-max-pages", "600", "-rate", "300", "-per-address", "1", "-pause", "300ms"}, true, []string{"(600/600, "}},
		"web, deep": {[]string{"-demo-pages", "400", "-demo-hosts", "30", "-max-depth", "2"}, false, []string{"left out"}},
		"web, wide": {[]string{"-demo-pages", "400", "-demo-hosts", "30", "-max-host-pages", "4"}, false, []string{"left out"}},
		"gnutella":  {[]string{"-protocol", "gnutella", "-demo-nodes", "10000", "-rate", "5000", "-max-known", "400000"}, false, []string{"nodes/s", "(10000/10000, ", "Snapshot in"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shown := endtest.OnTerminal(t, program.Finished, append(test.args, "-out", filepath.Join(t.TempDir(), "out.jsonl"))...)
			for _, part := range append(test.want, " connections") {
				require.Contains(t, shown, part)
			}
			pictures := endtest.Pictures(shown)
			require.Equal(t, test.left, timeLeft.MatchString(strings.Join(pictures, "\n")), shown)
			require.Contains(t, pictures[len(pictures)-1], " 100% |")
		})
	}
}
