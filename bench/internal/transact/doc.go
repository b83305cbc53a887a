// Package transact measures request and reply on persistent connections to a
// server in another network namespace: by Myriad's Handler face beside a
// client by epoll in C, and over TLS by Myriad's net.Conn beside the kernel's.
//
// Each connection has one request under way at a time; the next follows its
// reply at once. Time is from a request's turn to that of its reply's last
// byte, on one clock read a turn for Handler and epoll, and one an exchange
// for the others. Counting begins when all connections stand.
//
// The plain server is C with epoll (transact.c, compiled when it is run); the
// one over TLS is Go's crypto/tls with a goroutine for each connection, in a
// process that runs this very program. Each measurement makes its own namespaces and leaves none behind.
package transact
