// Package program is the frame that the programs under examples share: flags
// of the same names, -h, shell completion, a man page, the schema sub-command,
// messages, signals, exit codes, the demo's namespace, and what shows a run
// (see package monitor).
//
// # Course
//
// A program fills in a Program and calls Main, which does not return. Main
// parses the command line, has the program check it, moves the process into
// the demo's namespace where the program wants the demo, and calls Run with a
// context that the first SIGINT, SIGTERM or SIGHUP ends; a second one ends the
// process. What Run returns becomes the exit code (see Code).
//
// # Standard output and error
//
// Lines go to -out, which is standard output unless that is a terminal;
// everything for people goes to standard error: messages, a progress line
// where that is a terminal, a summary at the end. -q leaves only warnings and
// errors; -v adds how the run came to be what it is (Run.Details), and -v -v
// each target without a result (Run.Missed). With -status json all that is on
// standard error is lines of JSON: messages (time, level, msg) and how the run
// stands (schema status/1). NO_COLOR is honoured.
//
// # Flags
//
// They may be given with one dash or two, before or after the other arguments.
// A wrong one is refused with its name, its value, and what to give instead.
package program
