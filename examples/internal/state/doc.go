// Package state keeps where a run stands, in a directory, so that the same
// command goes on there after Ctrl-C or kill -9.
//
// # What is in the directory
//
// run.json: the checkpoint. It is replaced as a whole (written beside, synced,
// renamed), so that it is that of one instant whenever the process or the
// machine stops. lock: held while a process uses the directory. Programs put
// more beside these (Dir.Path).
//
// # Which run it is
//
// An Identity says which program made it, the version of what it keeps, and
// the settings that make the run what it is: targets, ports, seed, not rate or
// output. Open refuses a directory of another run, and names the setting that
// differs.
//
// # Concurrency and ownership
//
// One process at a time has a directory open; the kernel gives it up when that
// ends, however it ends. Save may be called by one goroutine at a time. A
// Window belongs to one goroutine.
//
// # Errors
//
// What cannot be gone on with matches ErrRefused; the text names the directory,
// the reason and the remedy, and nothing in the directory has changed. What
// cannot be written, on a full disk, matches ErrWrite; the checkpoint before
// is still there.
package state
