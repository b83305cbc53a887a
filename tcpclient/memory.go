package tcpclient

import (
	"fmt"
	"unsafe"

	"myriad/conntable"
	"myriad/handshake"
)

// perConnection is what a connection takes at the start, in bytes: its entry,
// its rarely needed half, its timer, its places in the index and among the
// resting 4-tuples, and when it was challenged last.
const perConnection = int64(unsafe.Sizeof(conntable.Entry{})+unsafe.Sizeof(conntable.Extra{})) + 12 + 8 + 8 + handshake.ChallengeBytes

// memoryWanted is what cfg can come to use, in bytes.
func memoryWanted(cfg *Config) int64 {
	return int64(cfg.ConnectionsMax)*perConnection +
		int64(cfg.SideRecords)*int64(unsafe.Sizeof(handshake.Side{})) +
		int64(cfg.QueriesMax)*(perConnection+int64(cfg.QueryBytes)) +
		handshake.FlightBytes(cfg.SideRecords, cfg.BufferMemory) +
		int64(cfg.BufferMemory)
}

// checkMemory refuses bounds that the machine cannot keep: Go ends a process
// that runs out of memory, so it must be asked before.
func checkMemory(cfg *Config) error {
	available, known := memoryAvailable()
	wanted := memoryWanted(cfg)
	if !known || wanted <= available {
		return nil
	}
	field, value := "ConnectionsMax", cfg.ConnectionsMax
	if int64(cfg.BufferMemory) > wanted/2 {
		field, value = "BufferMemory", cfg.BufferMemory
	}
	const mib = 1 << 20
	return fmt.Errorf("tcpclient: Config.%s %d: all bounds together ask for %d MiB of memory, and %d MiB are available: lower it", field, value, wanted/mib, available/mib)
}
