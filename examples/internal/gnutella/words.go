package gnutella

import "bytes"

const (
	// HeadBytes is the longest head that is accepted. Servents cap each list
	// at 8 KiB; there are two of them, and a few short headers.
	HeadBytes = 20 << 10
	// ThirdLeg ends the handshake: a servent keeps the connection until it
	// has come.
	ThirdLeg = "GNUTELLA/0.6 200 OK\r\n\r\n"
	// DefaultPort is the one that servents listen on unless told otherwise.
	DefaultPort = 6346
)

// Request is the crawler's first words. userAgent must be printable ASCII.
func Request(userAgent string) []byte {
	return []byte("GNUTELLA CONNECT/0.6\r\n" +
		"User-Agent: " + userAgent + "\r\n" +
		"X-Ultrapeer: False\r\n" +
		"Crawler: 0.1\r\n\r\n")
}

// HeadEnd returns the length of the head in b, its empty line included, or -1
// when it is not complete. from is how many bytes of b were looked at before.
func HeadEnd(b []byte, from int) int {
	at := max(from-3, 0) // the empty line may have begun before
	for {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return -1
		}
		at += i + 1
		switch {
		case len(b) > at && b[at] == '\n':
			return at + 1
		case len(b) > at+1 && b[at] == '\r' && b[at+1] == '\n':
			return at + 2
		}
	}
}
