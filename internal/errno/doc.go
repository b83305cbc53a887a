// Package errno has the errors of the operating system's sockets that ours
// stand for, so that errors.Is finds in an error of Myriad's what it finds in
// one of the kernel's.
//
// On Windows those are Winsock's (windows.WSAECONNREFUSED), of which package
// syscall's names (syscall.ECONNREFUSED), which portable programs know, are no
// aliases; each error there is found by both, and errors.As gives Winsock's
// code. Elsewhere they are package syscall's own.
package errno
