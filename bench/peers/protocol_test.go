package peers

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
)

// What is spoken in these tests: the client's first five bytes are a command
// and a number.
const (
	download = 'D' // the server sends so many bytes, and closes
	upload   = 'U' // it reads until FIN, and answers with the count of right bytes
	echo     = 'E' // it sends everything back, and FIN after the client's
	abort    = 'A' // it sends so many bytes, and RST
	hold     = 'H' // it reads, and tells how that ended
)

const seed = 11

// content is a stream of bytes that both ends know.
func content(n int) []byte {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	b := make([]byte, n)
	for k := range b {
		b[k] = byte(r.Uint32())
	}
	return b
}

func command(what byte, n int) []byte {
	return binary.BigEndian.AppendUint32([]byte{what}, uint32(n))
}

// server is the application above netstack.
type server struct {
	ended chan error // how connections on hold ended
}

func (s *server) serve(c *Conn) {
	defer c.Close()
	var head [5]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return
	}
	n := int(binary.BigEndian.Uint32(head[1:]))
	switch head[0] {
	case download:
		_, _ = c.Write(content(n)) // what fails here the client finds out
	case upload:
		got, err := io.ReadAll(c)
		if err == nil && bytes.Equal(got, content(n)) {
			_, _ = fmt.Fprintf(c, "%d", len(got))
		}
	case echo:
		if _, err := io.Copy(c, onlyReader{c}); err == nil {
			_ = c.CloseWrite()
		}
	case abort:
		_, _ = c.Write(content(n))
		c.Abort()
	case hold:
		_, err := io.Copy(io.Discard, c)
		s.ended <- err
	}
}

// onlyReader hides what io.Copy might take a short cut by.
type onlyReader struct{ io.Reader }
