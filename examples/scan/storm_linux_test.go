package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/endtest"
	"myriad/internal/testbed"
)

// silent is the host that says nothing but what the test has said of it.
const silent = "10.84.0.9"

// synQuoted is the beginning of a SYN to the silent host.
func synQuoted(source netip.Addr, ports, number uint32) []byte {
	return endtest.Datagram(6, source, netip.MustParseAddr(silent), ports, number)
}

// storm sends what nobody has asked for.
func storm(t *testing.T, far *testbed.Namespace) (end func() (sent int64)) {
	source := netip.MustParseAddr("10.83.0.1")
	wrong := synQuoted(source, 40_000<<16|1, 12345)
	return endtest.Storm(t, far, netip.MustParseAddr("10.84.0.1"), source, [][]byte{
		endtest.ICMP(3, 1, wrong), endtest.ICMP(5, 1, wrong), endtest.ICMP(4, 0, wrong), endtest.ICMP(3, 1, wrong[:22]),
		endtest.ICMP(3, 1, synQuoted(source, 65_000<<16|1, 12345)), endtest.ICMP(11, 0, wrong),
	})
}

// sayProhibited answers each SYN to the silent host many times over with a true
// error, until the test's end.
func sayProhibited(t *testing.T, far *testbed.Namespace) {
	heard, err := far.ListenPacket("ip4:tcp", silent)
	require.NoError(t, err)
	says, err := far.ListenPacket("ip4:icmp", silent)
	require.NoError(t, err)
	t.Cleanup(func() { heard.Close(); says.Close() })
	go func() {
		var syn [100]byte
		for {
			n, from, err := heard.ReadFrom(syn[:])
			if err != nil {
				return
			}
			if n < 20 {
				continue
			}
			source, _ := netip.AddrFromSlice(from.(*net.IPAddr).IP.To4())
			message := endtest.ICMP(3, 13, synQuoted(source, binary.BigEndian.Uint32(syn[:]), binary.BigEndian.Uint32(syn[4:])))
			for range 100 {
				_, _ = says.WriteTo(message, from)
			}
		}
	}()
}

// In a storm of ICMP, forged and true, the scan tells of each target what is so,
// and of each kind of message how many came; it takes no more memory for them.
func TestStormOfICMP(t *testing.T) {
	near, far := world(t)
	require.NoError(t, near.LoopbackUp())
	_, err := far.RunInput("table ip quiet { chain out { type filter hook output priority 0; ip saddr "+silent+" tcp flags rst drop; }; }", "nft", "-f", "-")
	require.NoError(t, err)
	sayProhibited(t, far)
	path, metrics := filepath.Join(t.TempDir(), "out"), endtest.FreeAddress(t)
	end := storm(t, far)
	cmd, stderr := endtest.Command(t, "-interface", "near0", "-source", "10.83.0.0/28", "-allow", "10.0.0.0/8", "-ports", "1-40", "-rate", "2000",
		"-per-address-rate", "0", "-per-prefix-rate", "0", "-retries", "5", "-timeout", "1s", "-show", "all", "-metrics", metrics, "-out", path, "10.84.0.8/30", "10.84.7.0/25")
	require.NoError(t, near.Start(cmd))
	counted := map[string]float64{}
	wanted := []string{
		`myriad_program_total{name="forged"}`, `myriad_program_total{name="duplicates"}`, `myriad_program_total{name="icmp_ignored"}`,
		`myriad_program_total{name="malformed"}`, `myriad_stack_drops_total{drop="icmp_redirect"}`,
		`myriad_stack_drops_total{drop="icmp_source_quench"}`, `myriad_stack_drops_total{drop="icmp_quote"}`, `myriad_stack_drops_total{drop="icmp_unmatched"}`,
	}
	all := func() bool {
		c, err := near.DialContext(t.Context(), "tcp4", metrics)
		if err != nil {
			return false
		}
		c.Close()
		counted = endtest.MetricsIn(t, near, metrics)
		for _, name := range wanted {
			if counted[name] == 0 {
				return false
			}
		}
		return true
	}
	for begin := time.Now(); !all() && time.Since(begin) < 20*time.Second; {
		time.Sleep(20 * time.Millisecond)
	}
	memory, err := endtest.Wait(cmd)
	sent := end()
	require.Equal(t, 0, endtest.ExitCode(err), stderr)
	for _, name := range wanted {
		require.NotZero(t, counted[name], "%s of %v", name, counted)
	}
	require.NotZero(t, memory)
	t.Logf("%d messages sent meanwhile; %d KiB of memory", sent, memory)
	require.Less(t, memory, int64(400<<10))
	found := readLines(t, path)
	require.Len(t, found, 40*132)
	seen := map[string]bool{}
	for _, l := range found {
		seen[fmt.Sprint(l.Address, ":", l.Port)] = true
		if l.Address == silent {
			require.Equal(t, "filtered prohibited", l.Outcome+" "+l.Reason, "%+v", l)
		} else {
			require.Equal(t, "closed", l.Outcome, "%+v", l)
		}
	}
	require.Equal(t, len(found), len(seen), "each target once")
}
