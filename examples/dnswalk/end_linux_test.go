package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/demodns"
	"myriad/examples/internal/endtest"
	"myriad/examples/internal/program"
	"myriad/internal/testbed"
)

func TestMain(m *testing.M) { endtest.Main(m, main) }

// line is one JSON line of the output, as the documentation has it.
type line struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	RCode   string `json:"rcode"`
	Error   string `json:"error"`
	Part    int    `json:"part"`
	Parts   int    `json:"parts"`
	Answers []struct {
		Name string `json:"name"`
		Type string `json:"type"`
		TTL  int    `json:"ttl"`
		Data string `json:"data"`
		More bool   `json:"more"`
	} `json:"answers"`
	Servers  []string `json:"servers"`
	Requests int      `json:"requests"`
	TCP      bool     `json:"tcp"`
	Micros   int64    `json:"us"`
}

func (l *line) key() string { return l.Name + " " + l.Type }

// readLines reads whole lines of JSON, joins those in parts, and fails for
// anything else.
func readLines(t *testing.T, r io.Reader) map[string]*line {
	t.Helper()
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, len(content) == 0 || content[len(content)-1] == '\n', "the last line is whole")
	all := make(map[string]*line)
	for text := range bytes.Lines(content) {
		require.LessOrEqual(t, len(bytes.TrimRight(text, " \n")), 4096)
		l := new(line)
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		require.NoError(t, dec.Decode(l), string(text))
		require.NoError(t, namesSchema.Check(text), string(text))
		before := all[l.key()]
		if l.Part > 1 {
			require.NotNil(t, before)
			require.Equal(t, before.Part+1, l.Part, "in order")
			l.Answers = append(before.Answers, l.Answers...)
		} else {
			require.Nil(t, before, "%s comes once", l.key())
		}
		all[l.key()] = l
	}
	return all
}

// requireWalked checks a walk against the tree.
func requireWalked(t *testing.T, tree demodns.Tree, all map[string]*line) {
	t.Helper()
	require.Len(t, all, tree.Count())
	for w := range tree.Each {
		l := all[w.Name+" "+strings.TrimPrefix(w.Type.String(), "Type")]
		require.NotNil(t, l, w.Name)
		require.Equal(t, w.RCode, l.RCode, "%+v", l)
		require.Equal(t, l.Part, l.Parts, "all parts came")
		if w.RCode == "" {
			require.Contains(t, w.Fails, l.Error, w.Name)
			continue
		}
		require.Empty(t, l.Error)
		require.Len(t, l.Answers, w.Answers, w.Name)
		if w.Data != "" {
			require.Equal(t, w.Data, l.Answers[w.Answers-1].Data)
		}
		require.NotEmpty(t, l.Servers)
		require.Positive(t, l.Requests)
		require.Equal(t, w.Answers >= demodns.LongTexts, l.TCP, "what is too long, and only that, goes over TCP: %s", w.Name)
	}
}

func TestBadUsageOfTheBinary(t *testing.T) {
	_, stderr := endtest.Run(t, program.UsageWrong, "-names", "x")
	require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	stdout, _ := endtest.Run(t, program.Finished, "-h")
	require.Contains(t, string(stdout), "Usage:\n  dnswalk [flags]")
}

// TestExitCodes provokes each, in the ways that only turn out when it is
// tried.
func TestExitCodes(t *testing.T) {
	testbed.Require(t)
	hints := filepath.Join(t.TempDir(), "hints")
	require.NoError(t, os.WriteFile(hints, []byte("; nothing\n"), 0o600))
	small := []string{"-demo-zones", "1", "-demo-names", "1", "-demo-tiny"}
	other := filepath.Join(t.TempDir(), "state")
	_, stderr := endtest.Run(t, program.Finished, append(small, "-state", other, "-q")...)
	require.Empty(t, stderr, "-q says nothing where all is well")
	for _, test := range []struct {
		code int
		args []string
		want []string
	}{
		{program.Finished, append(small, "-state", other), []string{"has come to its end", "remove the directory"}},
		{program.Failed, []string{"-interface", "none0", "-source", "192.0.2.128/25"}, []string{"-interface: ", "none0"}},
		{program.Failed, []string{"-interface", "lo", "-source", "192.0.2.1", "-names", "/dev/null"}, []string{`"lo" has no route: give -gateway`}},
		{program.UsageWrong, []string{"-interface", "lo", "-source", "192.0.2.1", "-names", hints + "x"}, []string{"-names", "no such file"}},
		{program.UsageWrong, []string{"-interface", "lo", "-source", "192.0.2.1", "-hints", hints}, []string{"-hints", "no A record"}},
		{program.UsageWrong, []string{"-interface", "lo", "-source", "192.0.2.1", "-exclude", hints}, []string{"-exclude", "line 1"}},
		{program.UsageWrong, []string{"-interface", "lo", "-source", "192.0.2.1", "-root", "10.0.0.1"}, []string{"10.0.0.0/8", "Private-Use", "-allow 10.0.0.1"}},
		{program.WriteFailed, []string{"-out", "/none/x"}, []string{"-out", "/none/x"}},
		{program.WriteFailed, []string{"-rtt", "/none/x"}, []string{"-rtt", "/none/x"}},
		{program.WriteFailed, append(small, "-report", "/none/x"), []string{"/none/x"}},
		{program.WriteFailed, append(small, "-out", "/dev/full"), []string{"no space left on device; make room"}},
		{program.WriteFailed, append(small, "-rtt", "/dev/full"), []string{"-rtt", "no space left on device; make room"}},
		{program.WriteFailed, append(small, "-report", "/dev/full"), []string{"report", "no space left on device; make room"}},
		{program.WriteFailed, append(small, "-state", "/dev/full"), []string{"/dev/full"}},
		{program.UsageWrong, []string{"schema", "pages"}, []string{"there are dnswalk.names, dnswalk.servers, status"}},
		{program.UsageWrong, []string{"completion", "csh"}, []string{"bash, zsh, fish or powershell"}},
		{program.StateRefused, []string{"-demo-zones", "2", "-state", other}, []string{"-state " + other, "another run", "Zones:1", "Zones:2"}},
		{program.DemoWrong, append(small, "-max-requests", "1"), []string{"demo: not as it should be"}},
		{program.DemoWrong, append(small, "-deadline", "1ms"), []string{"deadline exceeded: "}},
	} {
		_, stderr := endtest.Run(t, test.code, test.args...)
		for _, part := range test.want {
			require.Contains(t, stderr, part)
		}
		require.LessOrEqual(t, strings.Count(stderr, "no space left"), 1, "it is said once: %s", stderr)
	}
	endtest.RequireNothingLeft(t)
}

// TestDemo runs the whole thing, by each backend and with each server.
func TestDemo(t *testing.T) {
	testbed.Require(t)
	for _, test := range []struct{ name, backend, tiny, want string }{
		{"afxdp", "afxdp", "-demo-tiny=false", "AF_XDP"},
		{"afpacket", "afpacket", "-demo-tiny=false", "AF_PACKET"},
		{"tiny", "afxdp", "-demo-tiny=true", "a tiny server"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // most of the time goes into waiting for silence
			rtt := filepath.Join(t.TempDir(), "rtt")
			cmd, stderr := endtest.Command(t, "-demo-zones", "6", "-demo-names", "40", "-backend", test.backend, test.tiny, "-rtt", rtt)
			out, err := cmd.Output()
			require.NoError(t, err, stderr)
			requireWalked(t, demodns.Tree{TLDs: 4, Zones: 6, Names: 40}, readLines(t, bytes.NewReader(out)))
			for _, part := range []string{test.want, "Finished", "came to what it must", "over TCP", "look-ups of servers"} {
				require.Contains(t, stderr.String(), part)
			}
			requireDelays(t, rtt)
			endtest.RequireNothingLeft(t)
		})
	}
}

// requireDelays checks a file of -rtt: every server that answers has delays.
func requireDelays(t *testing.T, path string) {
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	seen := map[string]bool{}
	for text := range bytes.Lines(content) {
		var d delays
		require.NoError(t, json.Unmarshal(text, &d))
		seen[d.Server.String()] = true
		if d.Server.String() == "198.19.128.1" {
			require.Zero(t, d.Replies)
			require.Equal(t, 4, d.Requests, "as many as -tries")
			continue
		}
		require.Positive(t, d.Replies, d.Server)
		require.True(t, 0 <= d.Min && d.Min <= d.Mean && d.Mean <= d.Max, "%+v", d)
	}
	require.Len(t, seen, 1+4+8+1, "root, top-level domains, leaves, the silent one")
}

// TestDemoIsPaced asks for few requests a second, and counts how long it takes.
func TestDemoIsPaced(t *testing.T) {
	testbed.Require(t)
	t.Parallel()
	begin := time.Now()
	cmd, stderr := endtest.Command(t, "-demo-zones", "2", "-demo-names", "100", "-rate", "300", "-per-server", "2")
	out, err := cmd.Output()
	require.NoError(t, err, stderr)
	all := readLines(t, bytes.NewReader(out))
	requests := 0
	for _, l := range all {
		requests += l.Requests
	}
	require.Greater(t, time.Since(begin).Seconds(), float64(requests)/300*0.9)
}

// begin starts a walk that takes a while, and returns when it has got going.
func begin(t *testing.T, path string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	return endtest.Begin(t, path, 100_000, "-demo-names", "250", "-rate", "5000", "-out", path)
}

func readFile(t *testing.T, path string) map[string]*line {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	return readLines(t, f)
}

func TestKill(t *testing.T) {
	testbed.Require(t)
	path := filepath.Join(t.TempDir(), "out.jsonl")
	cmd, _ := begin(t, path)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.Greater(t, len(readFile(t, path)), 100)
	endtest.RequireNothingLeft(t)
}

func TestInterrupt(t *testing.T) {
	testbed.Require(t)
	path := filepath.Join(t.TempDir(), "out.jsonl")
	cmd, stderr := begin(t, path)
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, program.Interrupted, endtest.ExitCode(cmd.Wait()), stderr)
	require.Contains(t, stderr.String(), "Interrupted after")
	for _, l := range readFile(t, path) {
		require.NotEqual(t, "device gone", l.Error)
	}
	require.Contains(t, stderr.String(), strconv.Itoa(len(readFile(t, path)))+" names", "the summary counts what was written")
	endtest.RequireNothingLeft(t)
}

// TestProgress walks a list on a terminal: once it is read to its end the time
// left is told, and the last line has all.
func TestProgress(t *testing.T) {
	testbed.Require(t)
	t.Parallel()
	shown := endtest.OnTerminal(t, program.Finished, "-demo-zones", "10", "-demo-names", "100", "-demo-tiny", "-rate", "1500",
		"-out", filepath.Join(t.TempDir(), "out.jsonl"))
	pictures := endtest.Pictures(shown)
	require.Regexp(t, `names/s\) \[[0-9]+s:[1-9][0-9]*s\] `, strings.Join(pictures, "\n"))
	require.Contains(t, pictures[len(pictures)-1], " 100% |")
	require.NotContains(t, shown, "[0m", "nothing to be coloured")
}
