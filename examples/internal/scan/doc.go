// Package scan is a stateless scanner: it sends probes in a permuted order and
// recognizes the answers by a cookie in them, remembering one bit for each
// target whose answer may still come.
//
// # Terms
//
// A Space is the addresses and ports to be looked at. Each of its targets (an
// address with a port) has a place in the order: every address has its turn once
// before any has its second, in an order of addresses that a seed names, and each
// with its ports in an order of its own. So no host sees more than the rate
// divided by the number of addresses. A shard takes every N-th place; its targets
// are numbered by index, and a scan goes on where it was from an index.
//
// A probe's source address, source port and sequence number (for ICMP,
// identifier and sequence number) are a keyed hash of its target: the cookie. An
// answer counts if it has them all, whatever worker it reaches; everything else
// is counted by name and forgotten.
//
// # The window
//
//	settled │ retry 2 │ retry 1 │ probed │ yet to come
//	        tail                         head
//
// Each worker has a ring of bits for the indices between tail and head. An
// answer sets its target's bit; a second one finds it set. Retries walk behind
// the head by a timeout each and pass over what has been answered; the tail
// settles what has not, and later answers count as late. Memory depends on rate
// and timeout, not on the number of targets.
//
// # Where it sits
//
// Between a device and a tcpclient.Client: Wrap gives a device whose queues keep
// the scanner's answers for themselves and send probes whenever the client has
// nothing to do. The client answers ARP and pings, and carries the connections
// that grab banners, from other ports of the same addresses. All that leaves,
// the client's frames too, is within one rate.
//
// # Rate
//
// In any stretch of time t at most rate × t + one batch frames leave, over all
// queues: what a queue may send grows from the clock read before the last send,
// and never beyond half of its share of the batch. Time in which nothing could
// be sent is lost, not made up for.
//
// # Ownership and concurrency
//
// A Worker belongs to the goroutine of the client's worker of the same queue,
// which calls everything here but Counts, Latency, Low and Stop. Results are borrowed
// until Config.Result returns. Nothing on the way of a probe or an answer
// allocates, locks, or reads the clock more than once a turn.
//
// # Limits
//
// IPv4 only. An answer that comes more than a lap of the ring late may be taken
// for another target's duplicate: the ring holds at least twice the timeouts.
// What a scan that goes on has had already is in the same bits from the start.
// Answers in fragments are not put together.
package scan
