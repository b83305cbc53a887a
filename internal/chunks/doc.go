// Package chunks stores bytes that a connection must keep for a while: out of
// order, unread, or not yet acknowledged. A [Pool] bounds them over all
// connections of a worker and hands them out in pieces of [Pool.Size] bytes; a
// [Stream] is one connection's window of them, addressed by sequence number.
//
// A stream says which chunks it has, not which bytes have been written: its
// owner knows those (from RCV.NXT and sack.Ranges, or SND.UNA and SND.NXT),
// and writes each byte once.
//
// A Pool and its Streams belong to one goroutine. Memory is taken from the
// system in slabs, as it is first used, never beyond the bound, and not given
// back. What Peek returns is borrowed until the next Discard, Free or WriteAt
// of the stream. The error is [ErrFull] or [ErrOutside], and nothing has
// changed then.
package chunks
