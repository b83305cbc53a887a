package kernel

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"myriad/bench/internal/usage"
)

// Sources of the clients in C; client.h goes before each of the others.
var (
	//go:embed client.h
	clientSource string
	//go:embed epoll.c
	epollSource string
	//go:embed connect.c
	connectSource string
	//go:embed uring.c
	uringSource string
)

var sources = map[string]*string{"epoll": &epollSource, "connect": &connectSource, "uring": &uringSource}

// Programs are the methods whose clients are in C: non-blocking sockets with
// epoll, io_uring, and blocking calls from as many threads as the window.
var Programs = []string{"epoll", "uring", "connect"}

// Program is a client in C, compiled. Close removes it.
type Program struct{ name, directory string }

// CompileProgram compiles the client of a method: epoll, connect or uring.
// ErrNoCompiler where nothing can, ErrNoRing where the kernel gives no io_uring.
func CompileProgram(method string) (*Program, error) {
	source, ok := sources[method]
	if !ok {
		return nil, fmt.Errorf("kernel: there is no client %q in C", method)
	}
	if method == "uring" {
		if err := haveRing(); err != nil {
			return nil, err
		}
	}
	directory, err := Compile(method, clientSource+*source)
	if err != nil {
		return nil, err
	}
	return &Program{method, directory}, nil
}

// haveRing reports why there is no io_uring: it may be switched off by
// kernel.io_uring_disabled, or by a container's filter of system calls.
func haveRing() error {
	var parameters [120]byte // struct io_uring_params
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&parameters)), 0)
	if errno != 0 {
		return fmt.Errorf("%w: io_uring_setup: %w", ErrNoRing, errno)
	}
	return unix.Close(int(fd))
}

// Compile makes a program of C source in a new directory, which the caller
// removes; ErrNoCompiler where nothing can.
func Compile(name, source string) (directory string, err error) {
	var compiler string
	for _, name := range []string{os.Getenv("CC"), "cc", "gcc", "clang"} {
		if path, err := exec.LookPath(name); err == nil {
			compiler = path
			break
		}
	}
	if compiler == "" {
		return "", ErrNoCompiler
	}
	if directory, err = os.MkdirTemp("", "myriad-bench-"); err != nil {
		return "", fmt.Errorf("kernel: %w", err)
	}
	cmd := exec.Command(compiler, "-O2", "-pthread", "-x", "c", "-", "-o", filepath.Join(directory, name))
	cmd.Stdin = strings.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("kernel: compiling %s.c: %w: %s", name, err, bytes.TrimSpace(out)), os.RemoveAll(directory))
	}
	return directory, nil
}

func (p *Program) path() string { return filepath.Join(p.directory, p.name) }

// Close removes the compiled client.
func (p *Program) Close() error { return os.RemoveAll(p.directory) }

// Run does a job with one process per processor. start begins a command where
// the addresses are.
func (p *Program) Run(ctx context.Context, j Job, start func(*exec.Cmd) error) (Result, error) {
	if j.Rate > 0 && (p.name != "epoll" || j.Rate < float64(j.Processes)) {
		return Result{}, fmt.Errorf("kernel: %s: Rate %v: only epoll keeps one, of at least 1 a process", p.name, j.Rate)
	}
	return runAll(ctx, j, start, func(args []string) *exec.Cmd { return exec.Command(p.path(), args...) })
}

// RunNetDial does a job with Go's net package, in a process that runs this very
// program with NetDialCommand as its first argument.
func RunNetDial(ctx context.Context, j Job, start func(*exec.Cmd) error) (Result, error) {
	return RunSelf(ctx, NetDialCommand, j, start)
}

// RunSelf does a job in a process that runs this very program with a command as
// its first argument, which is to pass those that follow it on to RunDial.
func RunSelf(ctx context.Context, command string, j Job, start func(*exec.Cmd) error) (Result, error) {
	self, err := os.Executable()
	if err != nil {
		return Result{}, fmt.Errorf("kernel: finding this program: %w", err)
	}
	j.Processes = 1 // it uses all processors by itself
	return runAll(ctx, j, start, func(args []string) *exec.Cmd {
		return exec.Command(self, append([]string{command}, args...)...)
	})
}

// runAll runs the processes side by side. When ctx ends they are told to stop,
// and report what they did.
func runAll(ctx context.Context, j Job, start func(*exec.Cmd) error, command func([]string) *exec.Cmd) (Result, error) {
	r := Result{FailedBy: make(map[string]uint64)}
	if j.Processes < 1 || j.Window < j.Processes || j.Count == 0 && j.Duration <= 0 {
		return r, fmt.Errorf("kernel: Processes %d, Window %d, Count %d, Duration %v: each process needs a window, and something must end it",
			j.Processes, j.Window, j.Count, j.Duration)
	}
	machine := usage.Machine()
	outcomes, errs := make([]outcome, j.Processes), make([]error, j.Processes)
	var wait sync.WaitGroup
	for k := range j.Processes {
		wait.Go(func() { outcomes[k], errs[k] = runOne(ctx, command(j.arguments(k)), start) })
	}
	wait.Wait()
	r.Machine = usage.Machine().Since(machine)
	for k := range outcomes {
		r.add(&outcomes[k])
	}
	return r, errors.Join(errs...)
}

func runOne(ctx context.Context, cmd *exec.Cmd, start func(*exec.Cmd) error) (o outcome, err error) {
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	// A process group of its own: Ctrl-C is for us, who tell it to stop.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := start(cmd); err != nil {
		return o, fmt.Errorf("kernel: %w", err)
	}
	ended := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-ended:
			return
		case <-ctx.Done():
			_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended just now
		}
		select {
		case <-ended:
		case <-time.After(2 * drainMilliseconds * time.Millisecond):
			_ = cmd.Process.Kill()
		}
	}()
	err = cmd.Wait()
	close(ended)
	<-stopped
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &o)
	}
	if err != nil {
		return o, fmt.Errorf("kernel: %s: %w: %s", filepath.Base(cmd.Path), err, bytes.TrimSpace(complaints.Bytes()))
	}
	return o, nil
}
