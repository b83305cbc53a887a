package sampling

import (
	"slices"
	"strings"

	"myriad/bench/internal/stack"
)

// The components that are not our own code.
const (
	Copy       = "copy"
	Filter     = "filter"
	Clock      = "clock"
	FarEnd     = "far end"
	Driver     = "driver and softirq"
	SystemCall = "system call"
	Scheduler  = "sleep and wake"
	Rings      = "rings" // our code that shares memory with the device
	Runtime    = stack.Runtime
	Idle       = "idle"
	Others     = "other programs"
)

// rule names the component of functions by how their names begin, or by a part
// of them when it starts with "*".
type rule struct {
	component string
	functions []string
}

// kernelRules are for functions of the kernel, whoever it works for.
var kernelRules = []rule{
	{FarEnd, []string{"*_farend"}},
	{Filter, []string{"bpf_prog_"}},
	{Copy, []string{
		"memcpy", "__memcpy", "memmove", "__memmove", "rep_movs", "copy_", "_copy_", "__copy_", "skb_copy_", "skb_store_bits", "xsk_copy_",
	}},
	{Clock, []string{"ktime_", "clock_gettime", "__x64_sys_clock", "read_tsc", "kvm_clock", "pvclock", "native_read_tsc", "timekeeping_"}},
	{Driver, []string{
		"veth_", "xdp_", "__xdp_", "napi_", "__napi_", "net_rx_", "net_tx_", "netif_", "__netif_", "dev_", "__dev_", "skb_", "__skb_", "kfree_skb",
		"__alloc_skb", "alloc_skb", "sock_wfree", "sock_alloc_send", "xsk_destruct_skb", "xsk_build_skb", "xsk_generic_xmit", "__xsk_generic_xmit",
		"xsk_rcv", "__xsk_rcv", "__xsk_map_redirect", "xsk_flush", "page_pool", "handle_softirqs", "__do_softirq", "run_ksoftirqd",
	}},
	{Scheduler, []string{"schedule", "__schedule", "try_to_wake_up", "hrtimer_nanosleep", "do_epoll_wait", "__x64_sys_epoll", "do_poll", "__x64_sys_poll", "__x64_sys_ppoll", "futex_", "__x64_sys_futex", "do_futex"}},
}

// ownRules are for functions of this process; internal/stack's own come first.
var ownRules = []rule{
	{Clock, []string{"runtime.nanotime", "time.now", "time.Now", "runtime.vgettime", "[vdso]", "*ClockGettime"}},
	{SystemCall, []string{"syscall.", "internal/runtime/syscall", "golang.org/x/sys/unix.", "runtime.entersyscall", "runtime.exitsyscall"}},
	{Rings, []string{"myriad/iobackend/"}},
	{"application", []string{"myriad/bench/internal/load."}},
}

// componentOf is the component that a sample was taken in. What the kernel does
// for the network it does on whatever process happens to run.
func componentOf(s *sample, self int) string {
	if s.pid != self && !slices.ContainsFunc(s.names, isNetwork) {
		if s.pid == 0 {
			return Idle
		}
		return Others
	}
	inKernel := false
	for _, name := range s.names {
		if function, ok := strings.CutPrefix(name, kernelMark); ok {
			inKernel = true
			if c, ok := match(kernelRules, function); ok {
				return c
			}
		}
	}
	if inKernel {
		return SystemCall
	}
	return ownComponent(s.names)
}

// isNetwork tells the network's work in softirqs.
func isNetwork(name string) bool {
	return name == kernelMark+"net_rx_action" || name == kernelMark+"net_tx_action" || name == kernelMark+"__napi_poll"
}

// ownComponent is that of this process's own code.
func ownComponent(names []string) string {
	inside := false
	for _, name := range names {
		if c, ok := match(ownRules, name); ok {
			return c
		}
		if c, ok := stack.PartOf(name); ok {
			return c
		}
		inside = inside || strings.Contains(name, "tcpclient.(*Worker)")
	}
	if inside {
		return stack.Turn
	}
	return Runtime
}

// kernelMark begins the names of the kernel's functions: they may be those of
// somebody's own, too.
const kernelMark = "k:"

func match(rules []rule, name string) (component string, ok bool) {
	for k := range rules {
		for _, f := range rules[k].functions {
			if part, inside := strings.CutPrefix(f, "*"); inside && strings.Contains(name, part) || !inside && strings.HasPrefix(name, f) {
				return rules[k].component, true
			}
		}
	}
	return "", false
}
