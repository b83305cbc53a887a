// Package pages has the benchmark of fetching web pages: 8 KB from nginx in
// another namespace, one connection per page, by Handler, by net/http over the
// Dialer, and each time the same work over the kernel's net.Dial, in turns
// within one run. It prints pages a second, CPU seconds of the client's process
// and of nginx per 1,000 pages, and their ratios (medians over the rounds):
//
//	go test -run '^$' -bench Pages -benchtime 10x -v ./bench/pages
//
// MYRIAD_PAGES_ONLY names the methods to run, with commas between: one alone is
// for a profiler.
package pages
