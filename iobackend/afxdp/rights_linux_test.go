package afxdp

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
)

// openWithout opens the device in a child that lacks capabilities, as
// setpriv names them, and returns what it says.
func openWithout(t *testing.T, w *world, capabilities string) string {
	t.Helper()
	var out bytes.Buffer
	cmd := w.near.Command("setpriv", "--bounding-set", capabilities, "--inh-caps", capabilities, "/proc/self/exe")
	self, err := os.Executable()
	require.NoError(t, err)
	cmd.Args[len(cmd.Args)-1] = self
	cmd.Env = append(os.Environ(), "AFXDP_ROLE=try")
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, w.near.Start(cmd))
	require.NoError(t, cmd.Wait(), out.String())
	return out.String()
}

func TestMissingRightsAreNamed(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 2})
	require.Equal(t, "open: <nil>\n", openWithout(t, w, "-syslog"))
	for capabilities, want := range map[string]string{
		"-net_raw":              "CAP_NET_RAW",
		"-bpf,-sys_admin":       "CAP_BPF",
		"-net_admin,-sys_admin": "CAP_NET_ADMIN",
		"-all":                  "CAP_BPF",
		"-ipc_lock":             "RLIMIT_MEMLOCK",
		"-net_raw,-perfmon":     "near0",
	} {
		said := openWithout(t, w, capabilities)
		if capabilities == "-ipc_lock" && said == "open: <nil>\n" {
			continue // the limit is high enough here
		}
		require.Contains(t, said, want, capabilities)
		require.Zero(t, attached(t, w.near, "near0"))
	}
}
