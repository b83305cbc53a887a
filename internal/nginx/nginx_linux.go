package nginx

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
)

// Command is nginx, yet to be started, with what http says in its
// configuration's http block: one process. All that it writes goes below dir.
func Command(t testing.TB, dir, http string) *exec.Cmd {
	return command(t, dir, "master_process off;", http)
}

// command is Command with main in the configuration's outermost block.
func command(t testing.TB, dir, main, http string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/nginx")
	}
	if err != nil {
		t.Skip("needs nginx: install Debian's package nginx-light")
	}
	var temporary strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temporary, "\t%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	file := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `daemon off;
%s
user root;
pid %s/pid;
error_log stderr;
events { worker_connections 10000; }
http {
	access_log off;
%s%s
}
`, main, dir, &temporary, http), 0o644))
	return exec.Command(path, "-p", dir, "-c", file, "-e", "stderr")
}

// Serve starts nginx in a namespace until the test ends, and returns once it
// answers at an address as seen from another.
func Serve(t testing.TB, near, far *testbed.Namespace, dir, http, address string) {
	t.Helper()
	serve(t, near, far, Command(t, dir, http), address)
}

// ServeOnAll is Serve with a worker process on each processor, as servers have
// it. It returns the processes.
func ServeOnAll(t testing.TB, near, far *testbed.Namespace, dir, http, address string) (pids []int) {
	t.Helper()
	cmd := command(t, dir, "worker_processes auto;\nworker_cpu_affinity auto;", http)
	// The first process ends the others, if it can.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	serve(t, near, far, cmd, address)
	first := cmd.Process.Pid
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", first, first))
		pids = []int{first}
		for field := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
		return err == nil && len(pids) == 1+runtime.NumCPU()
	}, time.Minute, time.Millisecond)
	return pids
}

func serve(t testing.TB, near, far *testbed.Namespace, cmd *exec.Cmd, address string) {
	t.Helper()
	require.NoError(t, far.Start(cmd))
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool {
		c, err := near.DialContext(context.Background(), "tcp4", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, time.Minute, 20*time.Millisecond)
}
