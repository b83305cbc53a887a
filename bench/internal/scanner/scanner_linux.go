package scanner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"myriad/bench/internal/usage"
)

// Tools are the names of the tools.
var Tools = []string{"masscan", "zmap"}

// tool is how one is run and read.
type tool struct {
	// arguments are those of a job; directory is the run's own.
	arguments func(j *Job, directory string) []string
	// answered reads how many answers it got.
	answered func(directory string, said []byte) (uint64, error)
	// interrupted: it ends by SIGINT when the job is done, and not by itself:
	// masscan would wait for answers for good where many were lost.
	interrupted bool
}

var tools = map[string]tool{
	"masscan": {masscanArguments, masscanAnswered, true},
	"zmap":    {zmapArguments, zmapAnswered, false},
}

// lateSeconds is how long the tools wait for late answers.
const lateSeconds = "1"

// masscanArguments has it take the ports in a range, since it sends one SYN to
// each address and port.
func masscanArguments(j *Job, directory string) []string {
	first := j.Port
	arguments := []string{
		"--range", j.Targets.String(), "-p", fmt.Sprintf("%d-%d", first, uint32(first)+9999),
		"--rate", "100000000", "-e", j.Interface, "--source-ip", j.Sources.Addr().Next().String(),
		"--router-mac", j.Gateway.String(), "--wait", lateSeconds, "-oL", filepath.Join(directory, "found"),
	}
	if j.Count > 0 {
		arguments = append(arguments, "--resume-count", strconv.Itoa(j.Count))
	}
	return arguments
}

var found = regexp.MustCompile(`found=(\d+)`)

// masscanAnswered reads the last of the status lines.
func masscanAnswered(_ string, said []byte) (uint64, error) {
	all := found.FindAllSubmatch(said, -1)
	if len(all) == 0 {
		return 0, errors.New("it printed no status")
	}
	return strconv.ParseUint(string(all[len(all)-1][1]), 10, 64)
}

// zmapProbesMost is what it sends to each address, which are too few for a
// second.
const zmapProbesMost = 200

func zmapArguments(j *Job, directory string) []string {
	addresses := 1 << (32 - j.Targets.Bits())
	probes := zmapProbesMost
	arguments := []string{
		"-C", "/dev/null", "-b", "/dev/null", "-i", j.Interface, "-G", j.Gateway.String(),
		"-S", j.Sources.Addr().Next().String(), "-p", strconv.Itoa(int(j.Port)),
		"-r", "100000000", "-T", strconv.Itoa(j.Threads), "-c", lateSeconds, "-q", "--disable-syslog",
		"--max-sendto-failures", "1000000000", // a full queue on the way out is no reason to give up
		"-o", "/dev/null", "-m", filepath.Join(directory, "summary"),
	}
	if j.Count > 0 {
		probes = (j.Count + addresses - 1) / addresses
		arguments = append(arguments, "-n", strconv.Itoa((j.Count+probes-1)/probes))
	} else {
		arguments = append(arguments, "-t", strconv.Itoa(int(math.Ceil(j.Duration.Seconds()))))
	}
	return append(arguments, "-P", strconv.Itoa(probes), j.Targets.String())
}

// zmapAnswered reads the summary that it leaves.
func zmapAnswered(directory string, _ []byte) (uint64, error) {
	text, err := os.ReadFile(filepath.Join(directory, "summary"))
	if err != nil {
		return 0, err
	}
	var summary struct {
		Success *uint64 `json:"success_total"`
	}
	if err := json.Unmarshal(text, &summary); err != nil {
		return 0, err
	}
	if summary.Success == nil {
		return 0, errors.New("its summary does not say how many answered")
	}
	return *summary.Success, nil
}

// Find returns where a tool is; ErrMissing where it is not.
func Find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		// Debian keeps zmap where only root looks.
		if path, err = exec.LookPath(filepath.Join("/usr/sbin", name)); err != nil {
			return "", ErrMissing
		}
	}
	return path, nil
}

// giveUp bounds what a tool takes beyond its job: its start, and its end.
const giveUp = 20 * time.Second

// Run has a tool do a job. start begins a command where the interface is. When
// ctx ends the tool is told to stop, and what it did until then counts.
func Run(ctx context.Context, name string, j Job, start func(*exec.Cmd) error) (r Result, err error) {
	t, ok := tools[name]
	if !ok {
		return r, fmt.Errorf("scanner: there is no tool %q", name)
	}
	path, err := Find(name)
	if err != nil {
		return r, fmt.Errorf("scanner: %s: %w", name, err)
	}
	directory, err := os.MkdirTemp("", "myriad-bench-")
	if err != nil {
		return r, fmt.Errorf("scanner: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	cmd := exec.Command(path, t.arguments(&j, directory)...)
	cmd.Dir = directory // masscan leaves where it stopped in the present one
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	// A process group of its own: Ctrl-C is for us, who tell it to stop.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	machine := usage.Machine()
	if err := start(cmd); err != nil {
		return r, fmt.Errorf("scanner: %w", err)
	}
	w := watch{job: &j, tool: t, cmd: cmd}
	if err := w.untilEnd(ctx); err != nil {
		return r, fmt.Errorf("scanner: %s: %w: %s", name, err, tail(said.Bytes()))
	}
	r.Elapsed = w.last.Sub(w.first)
	r.Machine = usage.Machine().Since(machine)
	r.Process = usage.CPU{User: cmd.ProcessState.UserTime(), System: cmd.ProcessState.SystemTime()}
	if r.Answered, err = t.answered(directory, said.Bytes()); err != nil && ctx.Err() == nil {
		return r, fmt.Errorf("scanner: %s: reading its answers: %w: %s", name, err, tail(said.Bytes()))
	}
	return r, nil
}

// tail is the end of what a tool said, in one line.
func tail(b []byte) []byte {
	lines := bytes.FieldsFunc(b, func(r rune) bool { return r == '\r' || r == '\n' })
	b = bytes.TrimSpace(bytes.Join(lines[max(len(lines)-3, 0):], []byte("; ")))
	return b[max(len(b)-400, 0):]
}

// watch follows a tool by what the far end counts.
type watch struct {
	job         *Job
	tool        tool
	cmd         *exec.Cmd
	count       uint64
	first, last time.Time
}

// look is how often it looks, and so the error of the time.
const look = 2 * time.Millisecond

// untilEnd returns when the tool has ended.
func (w *watch) untilEnd(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- w.cmd.Wait() }()
	tick := time.NewTicker(look)
	defer tick.Stop()
	limit := time.After(w.job.Duration + giveUp)
	var asked time.Time
	ask := func() {
		if asked.IsZero() {
			asked = time.Now()
			_ = w.cmd.Process.Signal(syscall.SIGINT) // it may have ended just now
		}
	}
	done := ctx.Done()
	for {
		select {
		case err := <-ended:
			var exit *exec.ExitError
			if !asked.IsZero() && errors.As(err, &exit) {
				err = nil // by our signal
			}
			return errors.Join(err, w.see(time.Now()))
		case now := <-tick.C:
			if err := w.see(now); err != nil {
				return errors.Join(err, w.kill(ended))
			}
			if w.tool.interrupted && w.done(now) {
				ask()
			}
			if !asked.IsZero() && now.Sub(asked) > 5*time.Second {
				return w.kill(ended) // it waits for what does not come
			}
		case <-done:
			done = nil
			ask()
		case <-limit:
			return errors.Join(fmt.Errorf("it did not end within %v", w.job.Duration+giveUp), w.kill(ended))
		}
	}
}

// rest is how long nothing more comes from a tool that has sent what it should.
const rest = 2 * time.Second

// done reports whether a tool that does not end by itself has sent all it
// should.
func (w *watch) done(now time.Time) bool {
	switch {
	case w.first.IsZero():
		return false
	case w.job.Count > 0:
		return now.Sub(w.last) >= rest
	default:
		return now.Sub(w.first) >= w.job.Duration
	}
}

func (w *watch) kill(ended <-chan error) error {
	_ = w.cmd.Process.Kill() // it may have ended just now
	<-ended
	return nil
}

// see takes over what the far end has counted.
func (w *watch) see(now time.Time) error {
	n, err := w.job.SYNs()
	if err != nil || n == w.count {
		return err
	}
	if w.first.IsZero() {
		w.first = now
	}
	w.count, w.last = n, now
	return nil
}
