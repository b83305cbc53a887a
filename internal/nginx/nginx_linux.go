package nginx

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
)

// Command is nginx, yet to be started, with what http says in its
// configuration's http block. All that it writes goes below dir.
func Command(t testing.TB, dir, http string) *exec.Cmd {
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
master_process off;
user root;
pid %s/pid;
error_log stderr;
events { worker_connections 10000; }
http {
	access_log off;
%s%s
}
`, dir, &temporary, http), 0o644))
	return exec.Command(path, "-p", dir, "-c", file, "-e", "stderr")
}

// Serve starts nginx in a namespace until the test ends, and returns its process
// once it answers at an address as seen from another.
func Serve(t testing.TB, near, far *testbed.Namespace, dir, http, address string) (pid int) {
	t.Helper()
	cmd := Command(t, dir, http)
	require.NoError(t, far.Start(cmd))
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool {
		c, err := near.DialContext(context.Background(), "tcp4", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	return cmd.Process.Pid
}
