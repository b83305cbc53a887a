// Package receive takes frames from a device as an application would, and
// counts what arrives where.
//
// # Terms
//
// A worker receives from one queue. It holds received frames until the
// application takes them, which it does at once, or at a capacity: so many a
// second by the clock, so that workers need not have processors of their own to
// be told apart. What waits beyond a threshold is handed over to the worker that
// holds the least, if that is less than the threshold.
//
// # Concurrency and ownership
//
// Start starts a goroutine a queue; Receiver's methods may be called from any.
// The device is the caller's, to be closed after Stop.
package receive
