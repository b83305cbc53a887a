// Mutants breaks the code on purpose, one rule at a time, and sees whether the
// test that guards the rule notices:
//
//	go run ./internal/mutants               forty bugs of other stacks, and the controls
//	go run ./internal/mutants -rules        the rules of the RFCs beyond these
//	go run ./internal/mutants -run 'bug 17' only these rows
//
// # Terms
//
// A mutant is a small edit of our code that puts a known bug into it: one that
// another stack had, where ours can have it, and the closest rule of ours
// where not. It is killed when the test that it names fails. One that does not
// apply to the code any more, does not compile, or names a test that does not
// exist or fails without it, is an error: it proves nothing.
//
// Two controls prove that the proof works: the canary is a bug that the tests of
// the stack, the scripts and the simulation must each notice, and the harmless
// mutant one that none may.
//
// # Data
//
// bank.txt and rules.txt hold the mutants, BUGS.md is the table made of them
// (go test ./internal/mutants -update), and the package's test keeps them true
// without running any: every edit applies, every bug has its mutant. A record
// is
//
//	bug 10: what happened elsewhere        or rule 14, canary, harmless
//	mutant: what the edit makes of our code
//	test: ./package TestName/subtest -short  must fail; more lines, more tests
//	file: path/of/file.go
//	-the lines that are taken out, found once in the file, whatever their blanks
//	+the lines that are put in their place
//
// with a blank line after it, and # before a comment. More edits, of this file
// or another, follow the first.
//
// # How it works
//
// go test -overlay builds the package as if the edit were made, so the tree is
// not touched or copied, and everything that the edit does not reach comes out
// of the build cache.
package main
