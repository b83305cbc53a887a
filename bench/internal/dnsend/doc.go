// Package dnsend is the far end of DNS measurements: all servers of a made-up
// tree in an XDP program, which remembers nothing and so never runs full.
//
// # The tree
//
// The root's server refers each question to the zone of the name's last label,
// whose one server has an address that is a hash of the label; that answers every
// name with one A record, a hash of the name (see Answer). So any list of names
// makes a tree of as many zones as it has last labels.
//
// # Limits
//
// Names of up to 63 bytes; UDP only; no checksums over UDP, which IPv4 allows.
// Linux only; elsewhere Attach returns ErrNotSupported.
package dnsend
