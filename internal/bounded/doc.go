// Package bounded holds every input of a fuzz target to two limits: how long it
// may take, and how much it may allocate. Go's fuzzer looks for panics alone; an
// input that loops for ever or asks for gigabytes would pass unseen.
//
// # Concurrency
//
// Allocations are counted for the whole process. A fuzzer's worker runs one
// input at a time, and `go test` runs seed corpora after all other tests, so
// what is counted is the input's.
package bounded
