package testbed

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// reexecMark is in the environment of a process that ReexecUnprivileged began.
const reexecMark = "MYRIAD_TESTBED_USER_NAMESPACE"

// Privileged reports whether the process may make network namespaces and load
// XDP programs: it is root, and not only of a user namespace of its own.
func Privileged() bool {
	return os.Geteuid() == 0 && !Reexecuted() && hasCapability(unix.CAP_NET_ADMIN) &&
		hasCapability(unix.CAP_SYS_ADMIN)
}

// hasCapability reads the calling thread's effective set.
func hasCapability(c uint) bool {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&h, &data[0]); err != nil {
		return false
	}
	return data[c/32].Effective&(1<<(c%32)) != 0
}

// Reexecuted reports whether ReexecUnprivileged began this process.
func Reexecuted() bool { return os.Getenv(reexecMark) != "" }

// ReexecUnprivileged runs this binary once more, with the same arguments and
// streams, as root of a user and a network namespace of its own, passes
// signals on to it, and returns its exit code. env is added to the
// environment. The error says why the system does not allow it; nothing ran
// then.
func ReexecUnprivileged(env ...string) (exitCode int, err error) {
	if Reexecuted() {
		return 0, errors.New("testbed: re-executed already")
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	return runUnprivileged(cmd, env)
}

// runUnprivileged runs cmd in new user and network namespaces.
func runUnprivileged(cmd *exec.Cmd, env []string) (int, error) {
	if cmd.Stdin == nil {
		cmd.Stdin = os.Stdin
	}
	if cmd.Stdout == nil {
		cmd.Stdout = os.Stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	cmd.Env = append(append(os.Environ(), env...), reexecMark+"="+strconv.Itoa(os.Getpid()))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		// A group of its own, so that Ctrl-C reaches it once: through us.
		Setpgid:   true,
		Pdeathsig: syscall.SIGKILL,
	}
	// The parent-death signal counts from the thread's end.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("testbed: make a user namespace: %w (see sysctl user.max_user_namespaces and kernel.unprivileged_userns_clone)", err)
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case s := <-signals:
				_ = cmd.Process.Signal(s)
			case <-done:
				return
			}
		}
	}()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("testbed: wait for the re-executed process: %w", err)
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}
