// Package simlink is a link in memory: two or more ends, each an
// iobackend.Device, between them a wire that loses, delays, reorders,
// duplicates, corrupts and limits as it is told, repeatably from one seed.
//
// # Terms
//
// An End is a network interface. A frame that it sends passes, in this order:
// its filter, the carrier (SetUp), the rate and the queue in front of it, loss,
// corruption, duplication, delay, and then reaches the other end; with more
// than two ends, the end whose hardware address it bears, or all others. A
// direction is what one end sends; Impairments are set per direction and may
// be changed at any time for frames sent from then on.
//
// # Clock
//
// A Clock is virtual unless Config.RealTime is set or the clock given came
// from NewRealClock. Several links may share one.
//
// A virtual clock moves only by Advance and AdvanceTo, which deliver what
// arrives on the way, each frame at its own instant. Receive delivers what is
// due at the present instant too, so a frame without delay can be received at
// once. Wait never blocks: it returns immediately, and whoever owns the clock
// advances it to the smaller of NextEvent and the stack's own next deadline.
// Everything runs on one goroutine, and a run is repeatable to the bit. The
// start is free (Config.Start), so that clocks near 2³² ms can be tested.
//
// A real-time clock follows the wall clock. Wait blocks, queues may be used
// each by its own goroutine, and one goroutine of the clock's own delivers; it
// ends when the last link of the clock is closed. Blocking is by channels and
// timers only, so it works in a testing/synctest bubble, where the link must
// be made inside the bubble and closed before its end. There, time stands
// still while any goroutine can run: a worker that spins until the clock says
// otherwise never ends.
//
// # Concurrency
//
// One mutex per Clock guards all its links; no callback is called with it
// held. Callbacks (OnFrame, Clock.After) of a virtual clock run on the
// goroutine that advances or receives, those of a real-time clock on the
// clock's goroutine, one at a time. Taps and filters run on the goroutine that
// sends.
//
// # Who owns a frame
//
// As package iobackend says. Each queue has a receive pool and a send pool of
// Config.FrameBytes each. Receive frames come back to the pool they were taken
// from, whichever queue releases them. With Config.Debug, memory given back is
// filled with PoisonByte and checked before it is used again; a frame that is
// released twice, written to after it was given back, or not ours, panics with
// its name.
//
// # Limits
//
// Frames larger than MTU + 18 bytes, or smaller than an Ethernet header, are
// refused and counted. What is in flight is not bounded, but for the queue in
// front of a rate.
package simlink
