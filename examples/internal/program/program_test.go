package program

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/account"
	"myriad/examples/internal/jsonl"
	"myriad/examples/internal/report"
	"myriad/examples/internal/schema"
	"myriad/examples/internal/state"
	"myriad/examples/internal/targets"
	"myriad/iobackend"
)

// toy is a program with a flag of its own.
func toy() (p *Program, size *int, seen *[]string) {
	size, seen = new(int), new([]string)
	p = &Program{
		Name: "toy", Short: "plays", About: "It plays.\n\nA lot.", Options: new(Options),
		Words:   Words{Does: "play over this network `device`", Rate: "moves a second, a `number`"},
		Flags:   func(f *flag.FlagSet) { f.IntVar(size, "size", 7, "how `big`"); f.String("kind", "", "which") },
		Groups:  []Group{{"Game", []string{"size"}}},
		Choices: map[string][]string{"kind": {"ball", "brick"}},
		Schemas: []schema.Schema{{Name: "toy.moves", Version: 3, Doc: "moves", Fields: []schema.Field{{Name: "from", Type: schema.String, Doc: "where"}, {Name: "to", Type: schema.String}}}},
		Check: func(given Given, arguments []string) error {
			*seen = arguments
			return InRange(Range{"size", int64(*size), 1, 9})
		},
		Run: func(context.Context, *Run) error { return nil },
	}
	p.Arguments = "MOVE ..."
	return p, size, seen
}

func TestFlagsAnywhere(t *testing.T) {
	p, size, seen := toy()
	require.NoError(t, p.Parse([]string{"a", "-size", "3", "b", "--out=x", "--", "-c"}))
	require.Equal(t, 3, *size)
	require.Equal(t, "x", p.Options.Out)
	require.Equal(t, []string{"a", "b", "-c"}, *seen)
}

func TestRefusalsNameTheFlag(t *testing.T) {
	for args, want := range map[string]string{
		"-size 12":          "-size 12: give a number from 1 to 9",
		"-rate -1":          "-rate -1",
		"-rate NaN":         "-rate NaN",
		"-backend x":        `-backend "x": give one of afxdp, live`,
		"-status xml":       `-status "xml": give json`,
		"-q -v":             "-q and -v",
		"-metrics x":        "-metrics",
		"-fields from,when": `no field "when"`,
		"-queues 300":       "-queues 300",
		"-source 10/8":      "-source",
		"-allow x":          "-allow",
		"-sizes 1":          "-sizes",
		"-size":             "-size",
	} {
		p, _, _ := toy()
		err := p.Parse(strings.Fields(args))
		require.ErrorContains(t, err, want, args)
	}
	p, _, _ := toy()
	p.Arguments, p.Instead = "", "moves go into a file"
	require.ErrorContains(t, p.Parse([]string{"x"}), `unexpected argument "x": moves go into a file`)
	require.ErrorContains(t, Given{"a": true}.Refuse(NeedsInterface, "b", "a"), "-a needs -interface")
	require.ErrorContains(t, Given{}.Require(Need{"a", "give it"}), "-a is missing: give it")
}

func assist(t *testing.T, args ...string) string {
	t.Helper()
	p, _, _ := toy()
	var out bytes.Buffer
	done, err := p.assist(args, &out)
	require.True(t, done)
	require.NoError(t, err)
	return out.String()
}

func TestHelpReadsWell(t *testing.T) {
	text := assist(t, "-size", "2", "-h")
	for _, part := range []string{"toy: plays\n", "Usage:\n  toy [flags] MOVE ...", "It plays.", "Game:\n  -size big               how big (7)", "-interface device", "-metrics address", "Exit codes:\n  0  ", "  5  "} {
		require.Contains(t, text, part)
	}
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, len(line), pageWidth+1, line)
	}
	require.Equal(t, 1, strings.Count(text, "-size"))
	require.Equal(t, text, assist(t, "help"))
}

func TestSchema(t *testing.T) {
	for name, args := range map[string][]string{"toy.moves/3": {"schema"}, "status/1": {"schema", "status"}} {
		var v map[string]any
		require.NoError(t, json.Unmarshal([]byte(assist(t, args...)), &v))
		require.Equal(t, name, v["$id"])
	}
	p, _, _ := toy()
	_, err := p.assist([]string{"schema", "x"}, new(bytes.Buffer))
	require.ErrorContains(t, err, "there are toy.moves, status")
	require.Equal(t, UsageWrong, Code(err))
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		require.Contains(t, assist(t, "completion", shell), "toy", shell)
	}
	for args, want := range map[string]string{
		"-si":            "-size\thow",
		"--si":           "--size\thow",
		"-size 3 -kin":   "-kind",
		"-kind ":         "ball\nbrick\n",
		"-fields ":       "from\nto\n",
		"-status ":       "json\n",
		"-backend afp":   "afpacket\n",
		"-interface ":    "lo\n",
		"sch":            "schema\t",
		"schema ":        "toy.moves\nstatus\n",
		"-out file -met": "-metrics\t",
	} {
		require.Contains(t, assist(t, append([]string{"__complete"}, strings.Split(args, " ")...)...), want, args)
	}
	p, _, _ := toy()
	_, err := p.assist([]string{"completion", "csh"}, new(bytes.Buffer))
	require.ErrorContains(t, err, "bash, zsh, fish or powershell")
}

func TestManPage(t *testing.T) {
	text := assist(t, "man")
	for _, part := range []string{".TH TOY 1", ".SH NAME\ntoy \\- plays", ".SS Game", `\fB\-size\fR \fIbig\fR`, ".SH EXIT STATUS", "toy.moves/3", "NO_COLOR"} {
		require.Contains(t, text, part)
	}
	for line := range strings.Lines(text) {
		require.False(t, strings.HasPrefix(line, "'"), line)
	}
}

func TestNoRunWithoutAsking(t *testing.T) {
	p, _, _ := toy()
	for _, args := range [][]string{nil, {"-out", "x"}, {"--", "-h"}} {
		done, err := p.assist(args, new(bytes.Buffer))
		require.NoError(t, err)
		require.False(t, done)
	}
}

func TestCodes(t *testing.T) {
	full := fmt.Errorf("x: %w: %w", jsonl.ErrWrite, syscall.ENOSPC)
	for _, test := range []struct {
		err  error
		code int
	}{
		{nil, Finished}, {errors.New("x"), Failed}, {ErrInterrupted, Interrupted},
		{errors.Join(ErrInterrupted, full), WriteFailed}, {fmt.Errorf("x: %w", state.ErrWrite), WriteFailed},
		{report.ErrWrite, WriteFailed}, {fmt.Errorf("x: %w", state.ErrRefused), StateRefused},
		{&targets.Refusal{}, UsageWrong}, {fmt.Errorf("x: %w", Fail(DemoWrong, full)), DemoWrong}, {Fail(UsageWrong, nil), Finished},
		{errFinished, Finished}, {fmt.Errorf("x: %w", syscall.EDQUOT), WriteFailed},
	} {
		require.Equal(t, test.code, Code(test.err), test.err)
	}
	for k, e := range ExitCodes {
		require.Equal(t, k, e.Code)
	}
	require.Equal(t, "finished", How(nil))
	require.Equal(t, "interrupted", How(ErrInterrupted))
	require.Equal(t, "failed: x", How(errors.New("x")))
}

func TestAdvice(t *testing.T) {
	r := &Run{Options: new(Options)}
	full := fmt.Errorf("x: %w: %w", jsonl.ErrWrite, syscall.ENOSPC)
	require.ErrorContains(t, r.advise(full), "make room (")
	r.Options.State = "state"
	require.ErrorContains(t, r.advise(full), "the same command again")
	require.Equal(t, WriteFailed, Code(r.advise(full)))
	denied := fmt.Errorf("x: %w: %w", jsonl.ErrWrite, syscall.EACCES)
	for _, err := range []error{nil, ErrInterrupted, denied, Fail(DemoWrong, full)} {
		require.Equal(t, err, r.advise(err))
	}
}

func TestMessages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	log := newLogger("toy", f, &Options{})
	log.Info("begun", "at", "eth0")
	log.With("a", 1).WithGroup("g").Warn("slow", "b", 2)
	log.Error("gone")
	log.Debug("unseen")
	newLogger("toy", f, &Options{Quiet: true}).Info("unseen")
	newLogger("toy", f, &Options{Verbose: 1}).Debug("seen")
	newLogger("toy", f, &Options{Status: "json"}).Info("a line", "x", 1)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	require.Equal(t, []string{"toy: begun (at: eth0)", "toy: warning: slow (a: 1, g.b: 2)", "toy: gone", "toy: seen"}, lines[:4])
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[4]), &v))
	require.Equal(t, "a line", v["msg"])
	require.Len(t, lines, 5)
}

// -v may be given twice, and counts.
func TestVerbosity(t *testing.T) {
	for args, want := range map[string]slog.Level{
		"": slog.LevelInfo, "-q": slog.LevelWarn, "-v": slog.LevelDebug, "-v -v": Trace, "-v -v -v": Trace, "-v=2": Trace, "-v -v=false": slog.LevelInfo,
	} {
		p, _, _ := toy()
		require.NoError(t, p.Parse(strings.Fields(args)), args)
		require.Equal(t, want, p.Options.level(), args)
	}
	for _, args := range []string{"-v=3", "-v=x", "-v=-1", "-q -v", "-q -v -v"} {
		p, _, _ := toy()
		require.ErrorContains(t, p.Parse(strings.Fields(args)), "-v", args)
	}
}

// told is what a run says of itself at a verbosity.
func told(t *testing.T, args ...string) string {
	t.Helper()
	p, _, _ := toy()
	require.NoError(t, p.Parse(args))
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	r := &Run{Log: newLogger("toy", f, p.Options), Options: p.Options, program: p}
	r.Details([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/25")}, iobackend.Info{Name: "eth7", Method: "afxdp native", Queues: 3, BatchMax: 64})
	if r.Detailed() {
		r.promises(account.Account{Bounds: []account.Bound{{Name: "requests at a time", Limit: 4}, {Name: "pause", Limit: 2, Least: true}, {Name: "free"}}})
	}
	if r.Targets() {
		r.Missed("192.0.2.1", "timed out", 3)
	}
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

func TestDetails(t *testing.T) {
	require.Empty(t, told(t))
	require.Empty(t, told(t, "-q"))
	text := told(t, "-v", "-size", "3", "-rate", "12")
	for _, part := range []string{
		"toy: process (version: ", "-size: 3", "-rate: 12", "name: eth7, method: afxdp native, queues: 3, batch: 64", "[192.0.2.0/25], count: 128",
		"left alone (special-purpose blocks: ", "politeness (requests at a time: at most 4, pause: at least 2, free: no limit)",
	} {
		require.Contains(t, text, part)
	}
	require.NotContains(t, text, "no result")
	require.Contains(t, told(t, "-v", "-v"), "toy: no result (target: 192.0.2.1, why: timed out, attempts: 3)\n")
	for line := range strings.Lines(told(t, "-v", "-v", "-status", "json")) {
		var v map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &v), line)
		require.Contains(t, []any{"DEBUG", "TRACE"}, v["level"])
	}
}

// What is not to be told costs nothing.
func TestQuietDetailsDoNotAllocate(t *testing.T) {
	p, _, _ := toy()
	r := &Run{Log: newLogger("toy", os.Stderr, p.Options), Options: p.Options, program: p}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if r.Targets() {
			r.Missed("192.0.2.1", "timed out", 3)
		}
	}))
}

// A password in -cluster is told to nobody.
func TestNoPasswords(t *testing.T) {
	const secret = "nats://user:s3cret@host/run"
	before := os.Args
	defer func() { os.Args = before }()
	os.Args = []string{"/bin/toy", "-cluster", secret, "-q"}
	require.Equal(t, "toy -cluster nats://xxxxx@host/run -q", commandLine())
	require.Equal(t, "failed: no nats://xxxxx@host/run", How(errors.New("no "+secret)))
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	for _, status := range []string{"", "json"} {
		log := newLogger("toy", f, &Options{Status: status})
		log.With("at", secret).Error("no "+secret, "why", errors.New(secret))
	}
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(content), "s3cret")
	require.Equal(t, 6, strings.Count(string(content), "nats://xxxxx@host/run"))
}

// Colour is for terminals whose owner did not say no.
func TestNoColor(t *testing.T) {
	h := &plain{color: true}
	require.Contains(t, h.colored(slog.LevelError), "\x1b[31m")
	h.color = false
	require.NotContains(t, h.colored(slog.LevelWarn), "\x1b")
}

func TestOut(t *testing.T) {
	p, _, _ := toy()
	path := filepath.Join(t.TempDir(), "out")
	r := &Run{Options: p.Options, program: p, Log: newLogger("toy", os.Stderr, p.Options)}
	p.Options.Out, p.Options.Fields = path, "to"
	o, err := r.OpenOut()
	require.NoError(t, err)
	require.NoError(t, o.Close())
	require.NoFileExists(t, path, "nothing was written to it")
	o, err = r.OpenOut()
	require.NoError(t, err)
	require.NoError(t, o.Write(map[string]string{"from": "a", "to": "b"}))
	require.NoError(t, o.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "{\"to\":\"b\"}\n", string(content))
	p.Options.Out = filepath.Join(path, "none")
	_, err = r.OpenOut()
	require.Equal(t, WriteFailed, Code(err))
	require.ErrorContains(t, err, "-out")
}

func TestState(t *testing.T) {
	p, _, _ := toy()
	r := &Run{Options: p.Options, program: p, Log: newLogger("toy", os.Stderr, p.Options)}
	d, err := r.OpenState(1, nil)
	require.NoError(t, err)
	require.Nil(t, d)
	p.Options.State = filepath.Join(t.TempDir(), "state")
	d, err = r.OpenState(1, map[string]string{"-size": "1"})
	require.NoError(t, err)
	require.NoError(t, d.Save(1))
	require.NoError(t, d.Close())
	_, err = r.OpenState(2, map[string]string{"-size": "1"})
	require.Equal(t, StateRefused, Code(err))
	d, err = r.OpenState(1, map[string]string{"-size": "1"})
	require.NoError(t, err)
	require.NoError(t, d.Finish(1))
	require.NoError(t, d.Close())
	_, err = r.OpenState(1, map[string]string{"-size": "1"})
	require.Equal(t, Finished, Code(err))
	require.ErrorContains(t, err, "has come to its end")
}

func TestExclusions(t *testing.T) {
	p, _, _ := toy()
	path := filepath.Join(t.TempDir(), "list")
	require.NoError(t, os.WriteFile(path, []byte("192.0.2.1/33\n"), 0o600))
	require.NoError(t, p.Parse([]string{"-allow", "10.0.0.0/8,192.168.0.0/16", "-exclude", path}))
	_, err := p.Options.Exclusions()
	require.Equal(t, UsageWrong, Code(err))
	require.ErrorContains(t, err, "line 1")
	p.Options.Exclude = nil
	e, err := p.Options.Exclusions()
	require.NoError(t, err)
	_, excluded := e.Excluded(netip.MustParseAddr("10.0.0.1"))
	require.False(t, excluded)
}

// The page about the programs has the exit codes as they are.
func TestReadmeHasTheExitCodes(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for _, e := range ExitCodes {
		require.Contains(t, string(page), fmt.Sprintf("| %d | %s |\n", e.Code, e.Meaning))
	}
	f := (&Program{Options: new(Options)}).flagSet()
	f.VisitAll(func(f *flag.Flag) { require.Contains(t, string(page), "`-"+f.Name) })
}
