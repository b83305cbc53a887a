// Package answerer is what far ends have in common that answer packets on raw
// frames without a memory of connections: a loop for each queue of a device,
// which reads packets and sends answers to whom they came from.
//
// A Loop belongs to its goroutine; so does what its answer function touches.
package answerer
