// Package targets reads lists of addresses in ZMap's spelling, and knows which
// addresses are left alone.
//
// # Lists
//
// An address or CIDR a line, IPv4; what follows a # is a comment; empty lines
// are skipped. A list is a file, or - for standard input.
//
// # Exclusions
//
// Excluded by default are IANA's special-purpose blocks (RFC 6890 and the
// registry that it began) and multicast. Allow lifts that for a CIDR. A file of
// exclusions adds to them, and Allow does not lift those: they are other
// people's wish.
//
// # Concurrency
//
// Exclusions are made once; after that any number of goroutines may ask.
// Asking allocates nothing.
//
// # Errors
//
// They name the file, the line and what is wrong with it. A *Refusal names the
// address or CIDR, the block in which it lies, and the flag that allows it.
package targets
