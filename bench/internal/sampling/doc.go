// Package sampling asks the kernel, some thousand times a second and on each
// processor, what it is doing, and sorts the answers by component: the profile of
// a live path, the kernel's part included.
//
// # Terms
//
// A sample is the stack of one processor at one instant: of the kernel, and of
// the process that it works for. It stands for Period of processor time. A
// component is a part of the path; a sample belongs to the innermost function
// that names one (see rules.go), so a copy within a system call is copy, and
// what a BPF program calls is the program's.
//
// # Limits
//
// The clock that triggers the samples is an interrupt (PERF_COUNT_SW_CPU_CLOCK;
// a virtual machine has no other): what runs with interrupts off is counted where
// they come on again. It needs the right to look at the whole machine
// (perf_event_paranoid 0 or less, or CAP_PERFMON) and the kernel's symbols
// (kptr_restrict); without them Start or Stop says so. Linux only.
package sampling
