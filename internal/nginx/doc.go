// Package nginx has nginx serve files to tests and benchmarks, from a network
// namespace of theirs. Those that need it are skipped where it is not installed.
package nginx
