package testbed

import (
	"fmt"
	"strconv"
	"strings"
)

// parseCounters reads the format of /proc/net/snmp and /proc/net/netstat,
// pairs of lines "Tcp: NAME NAME" and "Tcp: VALUE VALUE", into m, under the
// names that nstat uses: TcpRetransSegs, TcpExtTCPSackRecovery.
func parseCounters(m map[string]uint64, text string) error {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines)%2 != 0 {
		return fmt.Errorf("testbed: counters: %d lines, not pairs", len(lines))
	}
	for i := 0; i < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		if len(names) == 0 || len(names) != len(values) || names[0] != values[0] {
			return fmt.Errorf("testbed: counters: %q and %q do not match", lines[i], lines[i+1])
		}
		group := strings.TrimSuffix(names[0], ":")
		for j := 1; j < len(names); j++ {
			v, err := strconv.ParseInt(values[j], 10, 64) // some are -1
			if err != nil {
				u, err := strconv.ParseUint(values[j], 10, 64)
				if err != nil {
					return fmt.Errorf("testbed: counters: %s%s: %w", group, names[j], err)
				}
				v = int64(u)
			}
			m[group+names[j]] = uint64(v)
		}
	}
	return nil
}
