// Package hold opens connections with tcpclient until as many are open at once
// as asked for, or until no more can be, and has requests and replies go over
// random ones of them while all stand.
//
// # Terms
//
// Filling opens connections and counts how long the calls of Open took, by how
// full the tuples (or what was asked for) were by then. Traffic sends requests
// over connections drawn at random; an exchange is a request with its whole
// reply. A sample is what traffic draws from: a fixed number of connections
// out of all that were opened, each as likely as the other, so that remembering
// them does not add to what a connection costs. As many exchanges as there are
// connections in the samples come first and do not count: they are the first to use
// the records that a request takes, whose memory the kernel zeroes then.
//
// # Concurrency
//
// Each worker of the client has a handler of its own, which nothing else
// touches but through Client.Do.
package hold
