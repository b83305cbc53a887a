// Package pages has the benchmark of fetching web pages: 8 KB from nginx in
// another namespace, one connection per page, by Handler, by net/http over the
// Dialer, and each time the same work over the kernel's net.Dial, in turns
// within one run. It prints pages a second, CPU seconds of the client's process
// and of nginx per 1,000 pages (medians over the rounds), and their ratios
// (medians of the rounds' ratios):
//
//	go test -run '^$' -bench Pages -benchtime 10x -v ./bench/pages
//
// The kernel's client has turns on two devices: one with an XDP program that
// passes everything, as Myriad's has a program, too, and one without ("-bare").
// What else may differ is the sub-benchmark: connections at a time, how the
// client ends them, the MTU; -bench 'Pages/^64$' runs one alone.
//
// MYRIAD_PAGES_ONLY names the methods to run, with commas between: one alone is
// for a profiler.
package pages
