// Command scan finds services: it probes addresses and ports statelessly and tells
// what answered.
//
// Without -interface it makes two network namespaces, stands for a network of
// 262,144 hosts in the one, and scans all of it from the other: over AF_XDP as
// root, over AF_PACKET in a user namespace otherwise. See scan -h, and package
// examples/internal/scan for how it works.
//
// # Targets
//
// Addresses and CIDRs as arguments, or with -targets in a file (- for standard
// input) as ZMap has them: one a line, # begins a comment. Each target is probed
// once (and -retries times more while it does not answer), whatever the lists say
// twice. The seed names the order; -shards N -shard K takes every N-th place of
// it, so that N machines with one seed share the work.
//
// With -cluster any number of processes share it through a NATS server, which
// knows where each part stands (see package examples/internal/shards): parts of
// one that dies go to the others from their last checkpoint on.
//
// # Output
//
// One JSON object per line and target, to -out, of the outcomes that -show names;
// "scan schema" prints what is in it. Outcomes: open, closed (RST; for UDP the
// port's ICMP), filtered (another ICMP error, or no answer), unsent (no probe
// left: we could not look), excluded (a line for each block left alone).
//
// Hosts that answer everything, as SYN proxies do, are marked: for each open TCP
// port the host is also probed at one where nobody is expected (canary: quiet, or
// answers all).
//
// -banner connects to what is open, over this repository's TCP on ports that the
// kernel knows nothing of, sends -banner-request where there is one, and writes
// what comes, each byte as the Unicode character of its number.
//
// # Rate
//
// -rate bounds all frames that leave but ARP, retries, RSTs and connections included: in
// any 100 ms at most a tenth of it and one batch (10 ms of the rate, 8 frames at
// least and -batch at most). -per-address-rate and -per-prefix-rate bound the probes,
// retries and canaries that one address and one /24 see: two of them are at least
// that far apart; -per-address and -per-prefix the connections of -banner at a time.
//
// # Going on
//
// With -state the same command goes on where it was, after Ctrl-C or kill -9: no
// target is lost, and after Ctrl-C none is told of twice. Once a second a checkpoint
// says of each target whether it has its outcome, also among those that are awaited,
// so that a kill has at most what came since the last one told of again. Targets that
// had no answer yet, or whose canary or banner was awaited, are probed anew.
package main
