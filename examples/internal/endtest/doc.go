// Package endtest runs the programs as their users do, from their own tests:
// the test binary is the command itself when it is asked to be. For tests
// alone.
package endtest
