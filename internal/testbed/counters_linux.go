package testbed

import (
	"fmt"
	"os"
)

// Counters reads the kernel's network counters of the namespace, by the names
// that nstat uses: TcpRetransSegs, TcpExtTCPSackRecovery, IcmpInEchos.
func (ns *Namespace) Counters() (map[string]uint64, error) {
	m := make(map[string]uint64, 300)
	err := ns.Do(func() error {
		for _, file := range []string{"snmp", "netstat"} {
			// /proc/net would be the main thread's namespace.
			text, err := os.ReadFile("/proc/thread-self/net/" + file)
			if err != nil {
				return fmt.Errorf("testbed: counters: %w", err)
			}
			if err := parseCounters(m, string(text)); err != nil {
				return err
			}
		}
		return nil
	})
	return m, err
}
