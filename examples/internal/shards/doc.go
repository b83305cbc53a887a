// Package shards has several processes share one run, a part each at a time,
// through a key-value bucket of a NATS server with JetStream.
//
// # Terms
//
// A run is divided into parts, numbered from 0. A part's record says who owns it,
// where its work stands (the position, a JSON value of the program's) and whether
// it is finished. The plan is what the first process decides and all others take.
//
// # What the server holds
//
// For a run called NAME of PROGRAM, in the bucket NAME-PROGRAM:
//
//	run   which run it is (program, version, settings), and the plan; created once
//	p.N   the record of part N, from when it is first taken
//
// # Who does what
//
// Every write of a record names the revision that it replaces, so that of two
// processes that take a part one succeeds, and who has lost a part finds that out
// when it next writes. A checkpoint is such a write, and the sign of life as well:
// a record that stays the same for a whole lease, under the eyes of a process that
// looks for work, is taken over, with its position. No clocks are compared. So
// what is done after a part's last checkpoint is done twice, and no more.
//
// # When the server goes away
//
// Writes wait for it, at most Options.AwayMax: then they fail, and the program
// ends. When half a lease has gone by without a sign of life that was confirmed,
// Options.Hold says so: work should rest, lest another process does the same.
// Looking for work begins its wait anew when the server has come back.
//
// # Concurrency
//
// All methods may be called from any goroutine; Hold and Log are called from
// goroutines of this package.
//
// # Errors
//
// A run of other settings, another version or another program matches
// state.ErrRefused, a part that another process has taken over ErrLost, a server
// that was away for too long ErrAway.
package shards
