// Package testbed makes network worlds for tests, the demo and the bench:
// network namespaces, veth pairs between them, routes, lossy paths, commands
// that run inside.
//
// # Terms
//
// A world has a near end, where our stack is, and a far end, where its peers
// are; a lossy path has a middle namespace that forwards between them.
//
// # Lifetime
//
// A Namespace has no name and no mount: an open file descriptor and the
// sockets inside it are all that keeps it. It ends with Close, or with the
// process, however that ends; its interfaces, routes, nftables rules and XDP
// programs end with it. Commands begun with Start are killed when the process
// dies.
//
// # Concurrency
//
// All functions may be called from any goroutine. Do switches the calling
// goroutine's thread; goroutines begun inside its function are outside of the
// namespace.
//
// # Rights
//
// Everything needs CAP_NET_ADMIN and CAP_SYS_ADMIN in the process's user
// namespace: root, or ReexecUnprivileged where the system allows it. XDP
// programs need root proper. Only Linux has any of it; elsewhere functions
// return ErrNotSupported.
package testbed
