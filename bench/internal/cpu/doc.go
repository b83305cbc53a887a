// Package cpu chooses the processor that a thread runs on, and has it sleep.
package cpu
