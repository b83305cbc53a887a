// Package monitor watches a run and shows it: a progress line on a terminal,
// -status json for programs, -metrics for Prometheus, -report at the end. All
// are fed by one function that gives the program's account.
//
// # Concurrency
//
// The account is asked for from the monitor's goroutines, one at a time. Start
// and End are called by one goroutine.
//
// # Errors
//
// Only End fails, when the report cannot be written.
package monitor
