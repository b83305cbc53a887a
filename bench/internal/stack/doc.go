// Package stack measures the library's own code alone: a device in memory takes
// what is sent and answers each SYN, and nothing of the kernel is in between.
//
// # Terms
//
// A life is one connection's: SYN out, SYN-ACK in, ACK and RST out, four
// frames. In flight are the connections whose SYN-ACK the device keeps back; it
// answers in the order of the SYNs, so that a run with ten million in flight
// looks up entries that it last touched ten million connections ago. Ours is
// the processor time of the thread less what the device itself took, which it
// measures on the same clock around each of its calls; what looking at the clock
// takes (some 300 ns, a system call, a few times a batch) counts as the device's.
//
// The device's clock stands nearly still, so that nothing is sent again however
// long the machine takes: timers are armed and disarmed as ever, and do not
// fire.
package stack
