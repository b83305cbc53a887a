package sampling

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A sample belongs to the innermost function that names a component.
func TestRules(t *testing.T) {
	const self = 7
	sent := []string{"k:xsk_sendmsg", "k:do_syscall_64", "syscall.Syscall6", "myriad/iobackend/afxdp.(*socket).kick", "myriad/tcpclient.(*transmitter).flush"}
	for _, c := range []struct {
		want  string
		pid   int
		names []string
	}{
		{SystemCall, self, sent},
		{Others, 8, sent[:2]},
		{Copy, self, append([]string{"k:memcpy", "k:__xsk_generic_xmit"}, sent...)},
		{Driver, self, append([]string{"k:native_queued_spin_lock_slowpath", "k:veth_poll", "k:handle_softirqs"}, sent...)},
		{Driver, 0, []string{"k:veth_poll", "k:net_rx_action", "k:do_idle"}},
		{FarEnd, 8, []string{"k:array_map_lookup_elem", "k:bpf_prog_0123_farend", "k:veth_xdp_rcv_one", "k:__napi_poll"}},
		{Filter, 8, []string{"k:bpf_xdp_redirect_map", "k:bpf_prog_0123_filter", "k:veth_xdp_rcv_one", "k:net_rx_action"}},
		{Clock, self, []string{"k:ktime_get", "k:veth_xmit"}},
		{Clock, self, []string{"[vdso]", "runtime.nanotime1"}},
		{SystemCall, self, sent[2:]},
		{"rings", self, sent[3:]},
		{"transmit", self, sent[4:]},
		{"parse", self, []string{"myriad/linklayer.parseTCP", "myriad/linklayer.Parse", "myriad/tcpclient.(*Worker).sort"}},
		{"the turn", self, []string{"myriad/tcpclient.(*Worker).turn"}},
		{"application", self, []string{"myriad/bench/internal/load.(*handler).Events", "myriad/tcpclient.(*Worker).deliver"}},
		{Runtime, self, []string{"runtime.scanobject", "runtime.gcDrain"}},
		{Idle, 0, []string{"k:pv_native_safe_halt", "k:default_idle", "k:do_idle"}},
		{Others, 8, nil},
		{Others, 8, []string{"k:_copy_to_user", "k:vfs_read"}},
	} {
		require.Equal(t, c.want, componentOf(&sample{pid: c.pid, names: c.names}, self), c.names)
	}
}
