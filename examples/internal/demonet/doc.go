// Package demonet is the place where the demo happens: two network namespaces
// joined by a veth pair, this process in the one and the demo web, a child
// process, in the other.
//
// Neither namespace has a name. They end with the processes in them, and the
// child is killed by the kernel when this process dies, so that nothing is
// left behind however it ends.
//
//	this process                        child
//	198.18.0.1 (kernel)   ── veth ──    198.18.0.2 (kernel), DNS, router
//	198.18.1.0/24 (Myriad)              198.19.0.0/18    answers (the web)
//	                                    198.19.128.0/18  swallows
//	                                    198.19.192.0/18  refuses by ICMP
//
// The addresses are those set aside for measurements (RFC 2544).
//
// # Course
//
// Enter moves the whole process into the near namespace by executing it anew;
// afterwards Inside is true, and Start makes the rest. In the child, which is
// the same binary, IsServer is true and Serve does everything.
package demonet
