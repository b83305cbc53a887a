// Package farside makes the far side of a demo: a network namespace joined to
// the present one by a veth pair, and in it a child process, this program once
// more, that answers.
//
// The two talk over the child's standard input and output: what it is to do, as
// JSON; its line that it is ready; the end of input, which is the sign to end,
// also when the parent is killed; and its account, as JSON.
//
// A World belongs to one goroutine. Only Linux has namespaces.
package farside
