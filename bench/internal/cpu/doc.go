// Package cpu chooses the processor that a thread runs on.
package cpu
