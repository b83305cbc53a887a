// Package iterate resolves DNS names by asking the authoritative servers from
// the root downwards, a great many at a time, without a goroutine per name.
//
// # Terms
//
// A task is one question on its way: a name of the list, or the address of a
// name server that came without one (a glueless delegation). A zone is a cut
// that some referral told of, with its servers; zones are the delegation cache.
// A server is an address, however many zones it serves.
//
// # Course of a task
//
// The closest zone known above the name is asked for the whole name. A
// referral makes a zone and the task goes on there; a CNAME that leads out of
// the zone begins anew with its target; everything else ends the task or is
// the next server's turn. Tasks that need the same unknown cut wait for the
// first of them. A zone whose servers have no address has one looked up by a
// task of its own, for which all others wait; who would wait for himself
// stands in a delegation loop.
//
// # Protection
//
// Every request has a transaction id and letter case (0x20) of its own, and
// goes from a port and address that tcpclient chooses. A reply counts if it
// comes from where the request went to, and repeats id, name, case, type and
// class. Records outside the zone asked are not believed: neither glue nor
// CNAME targets. A server that does not keep the case is asked over TCP.
// A reply that comes when its request's time is up, or was answered, finds no
// request of its port: tcpclient drops it as reply_late, whatever is in it.
//
// # Limits
//
// Config bounds the tasks, the zones, the requests per server at a time and
// the requests per name (children included) and the time in which they leave; CNAME chains end after chainMax
// links, glueless delegations after depthMax levels and hostsMax look-ups per
// zone. Only IPv4 servers are asked. There is no DNSSEC validation,
// no minimisation of names (RFC 9156), and no cache of answers: a name that
// stands twice in a list is resolved twice. Addresses once seen are remembered,
// for their delays, until the end. A referral of a zone to itself is a lame
// delegation, where some resolvers take it for an empty answer.
//
// # Concurrency
//
// An Engine belongs to one tcpclient.Worker and runs on its goroutine only.
// Engines share nothing.
package iterate
